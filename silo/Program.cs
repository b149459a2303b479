using Fleet.Silo;
using Fleet.Silo.Hosting;
using Microsoft.Extensions.Options;

try
{
    await using var app = SiloHost.Build(args);
    await app.RunAsync();
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
    await Console.Error.WriteLineAsync($"fleet: The settings are not valid. {string.Join(' ', e.Failures)}");
    return 1;
}
