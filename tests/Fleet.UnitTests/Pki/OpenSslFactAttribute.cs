using System.Diagnostics;

namespace Fleet.UnitTests.Pki;

/// <summary>A second opinion from the openssl program; skipped, and said so, where there is none.</summary>
internal sealed class OpenSslFactAttribute : FactAttribute
{
    public OpenSslFactAttribute()
    {
        try
        {
            Run("version");
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Skip = "openssl is not installed";
        }
    }

    public static (int ExitCode, string Output) Run(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("openssl", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
