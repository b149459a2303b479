using System.Runtime.InteropServices;

namespace Fleet.Load;

/// <summary>The C library and OpenSSL as a client needs them. The load is made with as little work as can be, so that the server is what is measured.</summary>
internal static unsafe partial class Native
{
    private const string C = "libc", Ssl = "libssl.so.3", Crypto = "libcrypto.so.3";

    public const int WouldBlock = 11, InProgress = 115, NonBlocking = 0x800, CloseOnExec = 0x80000, Internet = 2, Stream = 1, NoSignal = 0x4000;
    public const uint In = 1, Out = 4, Error = 8, HangUp = 16;
    public const int Add = 1, Modify = 3;
    public const int WantRead = 2, WantWrite = 3, ControlMode = 33, ControlMinimumVersion = 123, ControlMaximumVersion = 124, Tls13 = 0x0304;

    [LibraryImport(C, SetLastError = true)] public static partial int epoll_create1(int flags);
    [LibraryImport(C, SetLastError = true)] public static partial int epoll_ctl(int epoll, int operation, int file, EpollEvent* interest);
    [LibraryImport(C, SetLastError = true)] public static partial int epoll_wait(int epoll, EpollEvent* ready, int capacity, int timeout);
    [LibraryImport(C, SetLastError = true)] public static partial int socket(int domain, int type, int protocol);
    [LibraryImport(C, SetLastError = true)] public static partial int bind(int socket, byte* address, int length);
    [LibraryImport(C, SetLastError = true)] public static partial int connect(int socket, byte* address, int length);
    [LibraryImport(C, SetLastError = true)] public static partial int setsockopt(int socket, int level, int option, void* value, int length);
    [LibraryImport(C, SetLastError = true)] public static partial nint recv(int socket, byte* into, nint length, int flags);
    [LibraryImport(C, SetLastError = true)] public static partial nint send(int socket, byte* bytes, nint length, int flags);
    [LibraryImport(C)] public static partial int close(int file);

    [LibraryImport(Ssl)] public static partial nint TLS_client_method();
    [LibraryImport(Ssl)] public static partial nint SSL_CTX_new(nint method);
    [LibraryImport(Ssl)] public static partial nint SSL_CTX_ctrl(nint context, int command, nint number, nint pointer);
    [LibraryImport(Ssl)] public static partial nint SSL_new(nint context);
    [LibraryImport(Ssl)] public static partial void SSL_free(nint ssl);
    [LibraryImport(Ssl)] public static partial int SSL_set_fd(nint ssl, int socket);
    [LibraryImport(Ssl)] public static partial int SSL_connect(nint ssl);
    [LibraryImport(Ssl)] public static partial int SSL_read(nint ssl, byte* into, int length);
    [LibraryImport(Ssl)] public static partial int SSL_write(nint ssl, byte* bytes, int length);
    [LibraryImport(Ssl)] public static partial int SSL_has_pending(nint ssl);
    [LibraryImport(Ssl)] public static partial int SSL_get_error(nint ssl, int result);
    [LibraryImport(Ssl)] public static partial int SSL_session_reused(nint ssl);
    [LibraryImport(Ssl)] public static partial nint SSL_get1_session(nint ssl);
    [LibraryImport(Ssl)] public static partial int SSL_set_session(nint ssl, nint session);
    [LibraryImport(Ssl)] public static partial void SSL_set_shutdown(nint ssl, int mode);
    [LibraryImport(Ssl)] public static partial void SSL_SESSION_free(nint session);
    [LibraryImport(Ssl)] public static partial int SSL_use_certificate_ASN1(nint ssl, byte* der, int length);
    [LibraryImport(Ssl)] public static partial int SSL_use_PrivateKey(nint ssl, nint key);
    [LibraryImport(Crypto)] public static partial nint d2i_AutoPrivateKey(nint reuse, byte** at, nint length);
    [LibraryImport(Crypto)] public static partial void ERR_clear_error();

    public static int LastError => Marshal.GetLastPInvokeError();

    public static int Check(int result, string call) => result >= 0 ? result : throw new IOException($"{call}: {Marshal.GetLastPInvokeErrorMessage()}");
}

/// <summary>As x86-64 has it.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
internal struct EpollEvent
{
    public uint Flags;
    public int Key;
    private readonly int _unused;
}
