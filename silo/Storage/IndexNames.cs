using System.Diagnostics;
using Fleet.Interfaces.Naming;

namespace Fleet.Silo.Storage;

/// <summary>Names as they come out of the fleet index, into which nothing but names went.</summary>
internal static class IndexNames
{
    public static T Parse<T>(string text) where T : struct, IName<T> =>
        T.TryParse(text, out var name) ? name : throw new UnreachableException($"The fleet index holds '{text}', which is no {typeof(T).Name}.");
}
