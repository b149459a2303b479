using System.ComponentModel.DataAnnotations;

namespace Fleet.Silo.Pki;

/// <summary>Section <c>Fleet:Gateway</c>, as far as certificates are concerned.</summary>
internal sealed class PkiOptions : IValidatableObject
{
    /// <summary>
    /// What devices call the gateway, beside localhost and this machine's host name: DNS names (<c>*.</c> in front if need be) or IP addresses.
    /// </summary>
    public IList<string> ServerNames { get; } = [];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        from name in ServerNames
        where !ServerName.IsValid(name)
        select new ValidationResult($"Fleet:Gateway:ServerNames: '{name}' is neither a DNS name nor an IP address.", [nameof(ServerNames)]);
}
