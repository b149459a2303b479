using System.Runtime.InteropServices;

namespace Fleet.Gateway.Telemetry;

/// <summary>
/// A count that the hot path adds to for a few nanoseconds: a stripe per processor, added up when somebody asks. An instrument's own Add
/// looks up its tags each time, which per message is a noticeable part of all that a message costs.
/// </summary>
internal sealed class StripedCounter
{
    private readonly Stripe[] _stripes = new Stripe[Environment.ProcessorCount];

    public long Value
    {
        get
        {
            long sum = 0;
            foreach (ref var stripe in _stripes.AsSpan()) sum += Volatile.Read(ref stripe.Count);
            return sum;
        }
    }

    public void Add(long count) => Interlocked.Add(ref _stripes[(uint)Thread.GetCurrentProcessorId() % (uint)_stripes.Length].Count, count);

    /// <summary>Two cache lines each: processors fetch them in pairs.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Stripe
    {
        [FieldOffset(0)] public long Count;
    }
}
