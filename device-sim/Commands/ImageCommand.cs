using System.CommandLine;
using Fleet.DeviceSim.Images;

namespace Fleet.DeviceSim.Commands;

/// <summary><c>image</c>: makes a firmware image file.</summary>
internal static class ImageCommand
{
    public static Command New()
    {
        var version =
            new Option<string>("--version") { Description = "Version that a device runs once it boots this image.", Required = true };
        var size =
            new Option<string>("--size") { Description = $"Size of the file: {Sizes.Grammar}.", DefaultValueFactory = _ => "256KiB" };
        var bad = new Option<bool>("--bad") { Description = "A device that boots this image reports health \"failed\"." };
        var output = new Option<FileInfo>("--out") { Description = "File to write.", Required = true };
        var command = new Command("image", "Makes a firmware image file of a size and version.") { version, size, bad, output };
        version.Validators.Add(result =>
        {
            if (!SemVer.TryParse(result.GetValueOrDefault<string>(), out _))
                result.AddError("--version is a semantic version without build metadata, such as 1.1.0.");
        });
        command.SetAction(async (arguments, cancellation) =>
        {
            var image = new SimulatedImage(
                arguments.GetRequiredValue(version), arguments.GetValue(bad) ? "failed" : SimulatedImage.Healthy);
            if (!Sizes.TryParse(arguments.GetRequiredValue(size), out long bytes) || bytes < image.Header().Length)
                return await Refuse($"--size takes {Sizes.Grammar}, {image.Header().Length} bytes at least.");
            var file = arguments.GetRequiredValue(output);
            try
            {
                await using var stream = file.Create();
                await image.WriteAsync(stream, bytes, cancellation);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return await Refuse($"--out: {e.Message}");
            }
            Console.WriteLine($"{file.FullName}: {image.Version}, {bytes} bytes, health {image.Health}");
            return ExitCode.Done;
        });
        return command;
    }

    private static async Task<int> Refuse(string message)
    {
        await Console.Error.WriteLineAsync(message);
        return ExitCode.Usage;
    }
}
