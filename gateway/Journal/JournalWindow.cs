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
        int left = (int)(page.BegunAt + options.Value.JournalWindowMilliseconds - clock.NowMs);
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
