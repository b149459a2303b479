namespace Fleet.Silo.Pki;

internal static partial class PkiLog
{
    [LoggerMessage(3101, LogLevel.Information, "Made the certificate authority {Subject}, valid until {NotAfter:u}, in {Path}")]
    public static partial void MadeCa(this ILogger log, string path, string subject, DateTime notAfter);

    [LoggerMessage(3102, LogLevel.Information, "Made a server certificate for {Names}, valid until {NotAfter:u}")]
    public static partial void MadeServerCertificate(this ILogger log, string names, DateTime notAfter);

    [LoggerMessage(3103, LogLevel.Information, "Made the firmware signer, in {Path}")]
    public static partial void MadeFirmwareSigner(this ILogger log, string path);

    [LoggerMessage(3104, LogLevel.Information, "Made the certificate that the cluster's processes know each other by, in {Path}")]
    public static partial void MadeClusterCertificate(this ILogger log, string path);
}
