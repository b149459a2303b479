using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Journal;

/// <summary>
/// What present clients acknowledge within a moment is not written: a page waits for them, for as long as a commit may take anyway. It does
/// not while they turn out to take longer. Guarded by the journal's lock.
/// </summary>
internal sealed class JournalWindow(IOptions<JournalOptions> options, GatewayClock clock)
{
    /// <summary>Are written at once when those who were waited for took longer.</summary>
    private const int PagesInHaste = 16;

    /// <summary>Below 0: so many pages do not wait for acknowledgements.</summary>
    private int _patience;

    /// <returns>Completes when the page need not wait any more; null: it need not at all.</returns>
    public Task? Open(JournalPage page)
    {
        // Timers count whole milliseconds.
        int left = options.Value.JournalWindowMilliseconds - (int)clock.Time.GetElapsedTime(page.BegunAt).TotalMilliseconds;
        if (page.Quick == page.QuickFinished || left <= 0) return null;
        if (_patience < 0)
        {
            _patience++;
            return null;
        }
        page.AllFinished = Background.NewSource();
        return Task.WhenAny(page.AllFinished.Task, Task.Delay(TimeSpan.FromMilliseconds(left), clock.Time));
    }

    /// <summary>The wait is over.</summary>
    public void Close(JournalPage page) => _patience = page.QuickFinished * 2 >= page.Quick ? 0 : -PagesInHaste;
}

/// <summary>What may be on its way to the store of sessions: of the section <c>Fleet:Gateway</c>.</summary>
internal sealed class JournalOptions
{
    /// <summary>
    /// Bytes of messages on their way to the store, for all persistent sessions together; above this, messages for them are refused (0x97).
    /// Two seconds of a slow disk.
    /// </summary>
    [Range(65_536, int.MaxValue)] public int MaxJournalBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>
    /// For so long messages of QoS 1 for persistent sessions whose clients are there wait to be written: what is acknowledged before need
    /// not be. A commit takes about as long. 0: they are written at once.
    /// </summary>
    [Range(0, 100)] public int JournalWindowMilliseconds { get; set; } = 2;
}
