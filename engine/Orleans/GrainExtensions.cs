using Fleet.Engine.Calls;
using Orleans.Runtime;

namespace Orleans;

public static class GrainExtensions
{
    /// <summary>The id behind a reference, or of a grain itself.</summary>
    /// <exception cref="ArgumentException">It is neither.</exception>
    public static GrainId GetGrainId(this IAddressable grain)
    {
        ArgumentNullException.ThrowIfNull(grain);
        return grain switch
        {
            GrainReference reference => reference.GrainId,
            IGrainBase instance => instance.GrainContext.GrainId,
            _ => throw new ArgumentException($"{grain.GetType()} is neither a grain nor a reference to one.", nameof(grain)),
        };
    }

    public static string GetPrimaryKeyString(this IAddressable grain) => grain.GetGrainId().Key.ToString();

    /// <summary>A reference to the same grain or observer through another of its interfaces; what a grain passes instead of itself.</summary>
    public static TGrainInterface AsReference<TGrainInterface>(this IAddressable grain)
    {
        ArgumentNullException.ThrowIfNull(grain);
        return grain switch
        {
            GrainReference reference => (TGrainInterface)reference.Cast(typeof(TGrainInterface)),
            IGrainBase { GrainContext: { } context } => (TGrainInterface)GrainReference.To(context, typeof(TGrainInterface)),
            _ => throw new ArgumentException($"{grain.GetType()} is neither a hosted grain nor a reference to one.", nameof(grain)),
        };
    }
}
