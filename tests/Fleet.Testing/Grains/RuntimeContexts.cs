using System.Reflection;
using Orleans.Runtime;

namespace Fleet.Testing.Grains;

/// <summary>
/// Orleans' <c>RuntimeContext.Current</c>, which the constructor of <see cref="Orleans.Grain"/> reads and no public member sets.
/// The one place that reaches into Orleans.
/// </summary>
internal static class RuntimeContexts
{
    private delegate void Setter(IGrainContext? next, out IGrainContext? before);

    private static readonly Setter Set = typeof(IGrainContext).Assembly.GetType("Orleans.Runtime.RuntimeContext", throwOnError: true)!
        .GetMethod("SetExecutionContext", BindingFlags.Static | BindingFlags.NonPublic)!.CreateDelegate<Setter>();

    /// <returns>The context before, to go back to.</returns>
    public static IGrainContext? Enter(IGrainContext? context)
    {
        Set(context, out var before);
        return before;
    }
}
