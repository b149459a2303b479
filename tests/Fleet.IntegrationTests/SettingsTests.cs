using Fleet.IntegrationTests.Support;

namespace Fleet.IntegrationTests;

public sealed class SettingsTests
{
    [Fact]
    public async Task Whatever_is_wrong_with_the_settings_is_said_at_once()
    {
        string folder = Directory.CreateTempSubdirectory("fleet-settings-").FullName;
        try
        {
            var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => FleetProcess.Start(
                $"Fleet:DataDirectory={folder}", "Fleet:Metrics:Port=-1", "Fleet:Gateway:MaxClientIdBytes=1", "Fleet:Gateway:ReactorLoops=0",
                "Fleet:Storage:MaxPages=0"));
            Assert.All(
                ["Port", "MaxClientIdBytes", "ReactorLoops", "MaxPages"],
                setting => Assert.Contains(setting, refused.Message, StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
