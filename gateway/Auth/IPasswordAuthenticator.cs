namespace Fleet.Gateway.Auth;

/// <summary>Who a user name and password belong to, for connections without a client certificate.</summary>
public interface IPasswordAuthenticator
{
    /// <summary>The operator's name, or null when the credentials are not good.</summary>
    ValueTask<string?> Authenticate(string userName, ReadOnlyMemory<byte> password, CancellationToken cancellation);
}
