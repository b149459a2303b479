using System.CommandLine;
using Fleet.DeviceSim.Commands;

var root = new RootCommand(
    "Simulated devices for Fleet: they let themselves in, beat, report, and install firmware, by MQTT and HTTPS alone.")
{
    RunCommand.New(),
    ImageCommand.New(),
};
// Ctrl-C lets every device say goodbye; a thousand of them need more than the usual two seconds.
var arguments = root.Parse(args);
int exitCode = await arguments.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(20) });
return arguments.Errors.Count > 0 ? ExitCode.Usage : exitCode;
