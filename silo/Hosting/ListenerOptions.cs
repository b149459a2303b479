using System.ComponentModel.DataAnnotations;
using System.Net;

namespace Fleet.Silo.Hosting;

/// <summary>An address and a port to listen on.</summary>
internal abstract class ListenerOptions : IValidatableObject
{
    /// <summary>IP address. Loopback unless somebody decides otherwise; <c>0.0.0.0</c> or <c>::</c> for every interface.</summary>
    [Required] public string Address { get; set; } = "127.0.0.1";

    /// <summary>0 means any free port.</summary>
    [Range(0, 65_535)] public int Port { get; set; }

    public IPEndPoint ToEndPoint() => new(IPAddress.Parse(Address), Port);

    public virtual IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!IPAddress.TryParse(Address, out _)) yield return new($"'{Address}' is not an IP address.", [nameof(Address)]);
    }
}

/// <summary>Section <c>Fleet:Http</c>: console, admin API, MQTT over WebSocket, downloads.</summary>
internal sealed class HttpOptions : ListenerOptions
{
    public const string Section = "Fleet:Http";

    public HttpOptions() => Port = 8080;

    /// <summary>
    /// Most connections at a time, on HTTP and HTTPS each; for one more, the longest idle of the address with most of them is closed.
    /// Kestrel's own default is no limit.
    /// </summary>
    [Range(1, 1_000_000)] public int MaxConnections { get; set; } = 10_000;
}

/// <summary>
/// Section <c>Fleet:Https</c>: the same over TLS. Off until a certificate is configured or <see cref="SelfSigned"/> is set.
/// </summary>
internal sealed class HttpsOptions : ListenerOptions
{
    public const string Section = "Fleet:Https";

    public HttpsOptions() => Port = 8443;

    /// <summary>Uses the certificate that Fleet's own authority issued to the gateway: good for who trusts <c>pki/ca.crt</c>.</summary>
    public bool SelfSigned { get; set; }

    /// <summary>PEM file with the certificate, followed by its chain.</summary>
    public string? CertificatePath { get; set; }

    /// <summary>PEM file with the certificate's key; null when it is in <see cref="CertificatePath"/>.</summary>
    public string? KeyPath { get; set; }

    public bool Enabled => SelfSigned || CertificatePath is not null;

    public override IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var wrong in base.Validate(validationContext)) yield return wrong;
        if (SelfSigned && CertificatePath is not null)
            yield return new("SelfSigned and CertificatePath exclude each other.", [nameof(SelfSigned)]);
    }
}

/// <summary>Section <c>Fleet:Metrics</c>: <c>/metrics</c>, <c>/healthz</c>, <c>/readyz</c>.</summary>
internal sealed class MetricsOptions : ListenerOptions
{
    public const string Section = "Fleet:Metrics";

    public MetricsOptions() => Port = 9464;
}
