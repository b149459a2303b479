namespace Fleet.Gateway.Downloads;

/// <summary>Where devices download from: of the section <c>Fleet:Gateway</c>.</summary>
internal sealed class DownloadOptions
{
    /// <summary>What download URLs start with, such as <c>https://fleet.example.com</c>. Null: the HTTP address that was bound.</summary>
    public Uri? PublicUrl { get; set; }
}
