using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Fleet.Silo.Pki;

/// <summary>The names in the server's certificate.</summary>
internal static class ServerName
{
    public static bool IsValid(string name) =>
        Uri.CheckHostName(name.StartsWith("*.", StringComparison.Ordinal) ? name[2..] : name) is not UriHostNameType.Unknown;

    /// <summary>Each once, in lower case, sorted.</summary>
    public static ImmutableSortedSet<string> All(string hostName, IEnumerable<string> configured)
    {
        var names = new List<string>(["localhost", "127.0.0.1", "::1", .. configured]);
        if (IsValid(hostName)) names.Add(hostName);
        return [.. names.Select(Canonical)];
    }

    public static ImmutableSortedSet<string> In(X509Certificate2 certificate) =>
    [
        .. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(
            names =>
                names.EnumerateDnsNames().Concat(names.EnumerateIPAddresses().Select(address => address.ToString()))).Select(Canonical),
    ];

    public static X509Extension Extension(IEnumerable<string> names)
    {
        var builder = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            if (IPAddress.TryParse(name, out var address)) builder.AddIpAddress(address);
            else builder.AddDnsName(name);
        }
        return builder.Build();
    }

    private static string Canonical(string name) =>
        IPAddress.TryParse(name, out var address) ? address.ToString() : name.ToLowerInvariant();
}

/// <summary>Section <c>Fleet:Gateway</c>, as far as certificates are concerned.</summary>
internal sealed class PkiOptions : IValidatableObject
{
    /// <summary>
    /// What devices call the gateway, beside localhost and this machine's host name: DNS names (<c>*.</c> in front if
    /// need be) or IP addresses.
    /// </summary>
    public IList<string> ServerNames { get; } = [];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        from name in ServerNames
        where !ServerName.IsValid(name)
        select new ValidationResult($"Fleet:Gateway:ServerNames: '{name}' is neither a DNS name nor an IP address.", [nameof(ServerNames)]);
}
