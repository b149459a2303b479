using System.Runtime.InteropServices;
using Fleet.Samples.DotnetDevice;

if (DeviceOptions.Parse(args) is not { } options)
{
    Console.Error.WriteLine(DeviceOptions.Usage);
    return 64;
}
using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    return (int)await new Device(options).RunAsync(stop.Token);
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 0;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}
