using System.Net;
using System.Security.Cryptography;
using Fleet.IntegrationTests.Support;

namespace Fleet.IntegrationTests;

/// <summary>The file of a firmware version when the disk has lost or damaged it.</summary>
public sealed class FirmwareFileTests : IAsyncLifetime
{
    private const string Version = "firmware/amr/1.0.0";

    private static readonly byte[] Content = RandomNumberGenerator.GetBytes(100_000);

    private FleetService _fleet = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await FleetService.Start();
        Assert.Equal(HttpStatusCode.Created, await Upload());
    }

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    private string Blob => Directory.GetFiles(Path.Combine(_fleet.Folder, "data", "blobs"), Convert.ToHexStringLower(SHA256.HashData(Content)), SearchOption.AllDirectories).Single();

    [Fact]
    public async Task One_that_is_gone_is_a_404_that_says_so_until_it_is_uploaded_again()
    {
        File.Delete(Blob);
        await _fleet.Problem(HttpMethod.Get, $"{Version}/content", null, HttpStatusCode.NotFound, "firmware-content-missing");
        Assert.Equal(HttpStatusCode.OK, await Upload());
        Assert.Equal(Content, await Download());
    }

    [Fact]
    public async Task One_that_is_damaged_is_mended_by_uploading_it_again()
    {
        await File.WriteAllBytesAsync(Blob, new byte[100_000]);
        Assert.NotEqual(Content, await Download());
        Assert.Equal(HttpStatusCode.OK, await Upload());
        Assert.Equal(Content, await Download());
    }

    private async Task<HttpStatusCode> Upload()
    {
        using var http = _fleet.NewHttpClient();
        using var response = await http.PutAsync($"/api/v1/{Version}", new ByteArrayContent(Content));
        return response.StatusCode;
    }

    private async Task<byte[]> Download()
    {
        using var http = _fleet.NewHttpClient();
        return await http.GetByteArrayAsync($"/api/v1/{Version}/content");
    }
}
