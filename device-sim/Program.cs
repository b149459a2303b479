using System.CommandLine;
using Fleet.DeviceSim.Commands;

var root = new RootCommand("Simulated devices for Fleet: they let themselves in, beat, report, and install firmware, by MQTT and HTTPS alone.")
{
    RunCommand.New(),
    ImageCommand.New(),
};
// Ctrl-C lets every device say goodbye; a thousand of them need more than the usual two seconds.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(20) });
