using System.Globalization;
using System.Text;

namespace Fleet.Silo.Blobs;

/// <summary>A round of collecting blobs: the file that keeps other processes out, and tells them when it was done.</summary>
internal sealed class CollectionRound(FileStream mark, DateTimeOffset now) : IDisposable
{
    public bool IsDue(TimeSpan period)
    {
        using var reader = new StreamReader(mark, leaveOpen: true);
        return !DateTimeOffset.TryParseExact(
            reader.ReadToEnd(), "O", CultureInfo.InvariantCulture, DateTimeStyles.None, out var last) || now - last >= period || last > now;
    }

    public void Done()
    {
        mark.SetLength(0);
        mark.Write(Encoding.ASCII.GetBytes(now.ToString("O", CultureInfo.InvariantCulture)));
    }

    public void Dispose() => mark.Dispose();
}
