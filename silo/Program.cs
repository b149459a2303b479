using System.Runtime.InteropServices;
using Fleet.Silo;
using Fleet.Silo.Hosting;
using Microsoft.Extensions.Options;

using var stop = new CancellationTokenSource();
// The host listens for the signal once it starts. Before that, a process that is told to stop would end with the signal's own exit code.
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
{
    signal.Cancel = true;
    stop.Cancel();
});
try
{
    await using var app = SiloHost.Build(args);
    await app.RunAsync(stop.Token);
    return 0;
}
catch (OperationCanceledException)
{
    // It was told to stop while it started; what it had begun has been undone, or is found by the next start.
    return 0;
}
catch (StartupException e)
{
    await Console.Error.WriteLineAsync($"fleet: {e.Message}");
    return 1;
}
catch (OptionsValidationException e)
{
    return await Refuse(e.Failures);
}
catch (AggregateException e) when (e.InnerExceptions.All(each => each is OptionsValidationException))
{
    return await Refuse(e.InnerExceptions.Cast<OptionsValidationException>().SelectMany(each => each.Failures).Distinct());
}

static async Task<int> Refuse(IEnumerable<string> failures)
{
    await Console.Error.WriteLineAsync($"fleet: The settings are not valid. {string.Join(' ', failures)}");
    return 1;
}
