using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Fleet.Gateway.Downloads;

internal enum RangeKind { Whole, Partial, Unsatisfiable }

/// <summary>
/// What of a file a request asks for. Several ranges, other units and ranges that cannot be read are ignored, as RFC 9110, 14.2, allows;
/// one that rests on another entity tag (If-Range) too.
/// </summary>
internal readonly record struct ByteRange(RangeKind Kind, long Offset, long Length)
{
    public static ByteRange Of(HttpRequest request, long size, EntityTagHeaderValue etag)
    {
        var whole = new ByteRange(RangeKind.Whole, 0, size);
        var headers = request.GetTypedHeaders();
        if (headers.Range is not { Ranges.Count: 1 } range || !range.Unit.Equals("bytes", StringComparison.OrdinalIgnoreCase)) return whole;
        if (headers.IfRange is { } condition
            && (condition.EntityTag is null || !condition.EntityTag.Compare(etag, useStrongComparison: true)))
        {
            return whole;
        }

        var asked = range.Ranges.Single();
        long from, to;
        if (asked.From is { } first)
        {
            from = first;
            to = Math.Min(asked.To ?? long.MaxValue, size - 1);
        }
        else
        {
            // The last so many bytes.
            from = Math.Max(0, size - asked.To!.Value);
            to = asked.To.Value == 0 ? -1 : size - 1;
        }
        return from >= size || to < from ? new(RangeKind.Unsatisfiable, 0, 0) : new(RangeKind.Partial, from, to - from + 1);
    }
}
