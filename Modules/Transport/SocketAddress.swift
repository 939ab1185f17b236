// SPDX-License-Identifier: Apache-2.0

/// Where a socket listens or leads. A value; no name is resolved.
public enum SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// Four bytes in network order, as one number.
    case ipv4(UInt32, port: UInt16)
    /// Sixteen bytes in network order, as two numbers.
    case ipv6(high: UInt64, low: UInt64, port: UInt16)
    case unix(path: String)

    /// Reads `1.2.3.4:80`, `[::1]:80` and `unix:/path`; nil for anything else, names included.
    public init?(_ text: some StringProtocol) {
        let text = Substring(text)
        if text.utf8.starts(with: "unix:".utf8) {
            let path = String(text.dropFirst(5))
            guard !path.isEmpty, path.utf8.count < 108, !path.utf8.contains(0) else { return nil }
            self = .unix(path: path)
            return
        }
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        var digits = text.utf8[text.utf8.index(after: colon)...]
        guard let port = Self.number(of: &digits, max: 65_535, digitsMax: 5), digits.isEmpty else {
            return nil
        }
        self.init(host: text[..<colon], port: UInt16(port))
    }

    /// Reads an address without its port: `1.2.3.4`, `::1` or `[::1]`.
    public init?(host: some StringProtocol, port: UInt16) {
        var host = Substring(host)
        if host.utf8.first == UInt8(ascii: "["), host.utf8.last == UInt8(ascii: "]") {
            host = host.dropFirst().dropLast()
            guard host.utf8.contains(UInt8(ascii: ":")) else { return nil }
        }
        if let number = Self.ipv4Number(host) {
            self = .ipv4(number, port: port)
        } else if let (high, low) = Self.ipv6Numbers(host) {
            self = .ipv6(high: high, low: low, port: port)
        } else {
            return nil
        }
    }

    public var port: UInt16? {
        switch self {
        case .ipv4(_, let port), .ipv6(_, _, let port): port
        case .unix: nil
        }
    }

    /// Whether another address is of the same host, whatever its port.
    public func isSameHost(as other: SocketAddress) -> Bool {
        switch (self, other) {
        case (.ipv4(let left, _), .ipv4(let right, _)): left == right
        case (.ipv6(let high, let low, _), .ipv6(let otherHigh, let otherLow, _)):
            high == otherHigh && low == otherLow
        case (.unix(let left), .unix(let right)): left == right
        default: false
        }
    }

    /// The address without its port, as it is written in a URL: IPv6 in brackets.
    public var host: String {
        switch self {
        case .ipv4(let number, _):
            return Self.ipv4Text(number, port: nil)
        case .ipv6(let high, let low, _):
            return "[\(Self.ipv6Text(high, low))]"
        case .unix(let path):
            return path
        }
    }

    public var description: String {
        switch self {
        case .ipv4(let number, let port): Self.ipv4Text(number, port: port)
        case .ipv6(_, _, let port): "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// Addresses are written with each exchange between servers: digit by digit from the end, without
    /// memory for each number.
    private static func ipv4Text(_ number: UInt32, port: UInt16?) -> String {
        var text = InlineArray<21, UInt8>(repeating: 0)
        var start = text.count
        func prepend(_ byte: UInt8) {
            start -= 1
            text[start] = byte
        }
        func prepend(decimal number: UInt32) {
            var rest = number
            repeat {
                prepend(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
                rest /= 10
            } while rest > 0
        }
        if let port {
            prepend(decimal: UInt32(port))
            prepend(UInt8(ascii: ":"))
        }
        for place: UInt32 in 0..<4 {
            if place > 0 { prepend(UInt8(ascii: ".")) }
            prepend(decimal: number >> (8 * place) & 0xFF)
        }
        // SAFETY: the buffer is read while it is lent.
        return unsafe text.span.extracting(start...).withUnsafeBufferPointer {
            unsafe String(decoding: $0, as: UTF8.self)
        }
    }

    private static func ipv4Number(_ text: Substring) -> UInt32? {
        var rest = text.utf8[...]
        var number: UInt32 = 0
        for part in 0..<4 {
            if part > 0, rest.popFirst() != UInt8(ascii: ".") { return nil }
            // A leading zero would be octal to some readers (RFC 6943 §3.1.1).
            let isZero = rest.first == UInt8(ascii: "0")
            guard let byte = Self.number(of: &rest, max: 255, digitsMax: isZero ? 1 : 3) else {
                return nil
            }
            number = number << 8 | byte
        }
        return rest.isEmpty ? number : nil
    }

    /// Takes all decimal digits from the front; nil if there are none, too many, or they make too
    /// large a number.
    private static func number<Bytes: Collection<UInt8>>(
        of bytes: inout Bytes, max: UInt32, digitsMax: Int
    ) -> UInt32? where Bytes.SubSequence == Bytes {
        var number: UInt32 = 0
        var count = 0
        while let byte = bytes.first, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte {
            count += 1
            number = number * 10 + UInt32(byte - UInt8(ascii: "0"))
            guard count <= digitsMax, number <= max else { return nil }
            bytes.removeFirst()
        }
        return count > 0 ? number : nil
    }

    private static func ipv6Numbers(_ text: Substring) -> (UInt64, UInt64)? {
        // Two colons at least: to split the text is dear, and most that comes here is none.
        guard text.utf8.count(where: { $0 == UInt8(ascii: ":") }) > 1 else { return nil }
        let halves = text.split(
            separator: "::", maxSplits: 2, omittingEmptySubsequences: false)
        guard (1...2).contains(halves.count) else { return nil }
        func groups(_ half: Substring) -> [UInt16]? {
            if half.isEmpty { return [] }
            var groups: [UInt16] = []
            for part in half.split(separator: ":", omittingEmptySubsequences: false) {
                guard (1...4).contains(part.utf8.count), let group = UInt16(part, radix: 16),
                    part.first != "+"
                else { return nil }
                groups.append(group)
            }
            return groups
        }
        guard let left = groups(halves[0]) else { return nil }
        var all = left
        if halves.count == 2 {
            guard let right = groups(halves[1]), left.count + right.count <= 7 else { return nil }
            all += Array(repeating: 0, count: 8 - left.count - right.count) + right
        }
        guard all.count == 8 else { return nil }
        let words = all.map(UInt64.init)
        return (
            words[0] << 48 | words[1] << 32 | words[2] << 16 | words[3],
            words[4] << 48 | words[5] << 32 | words[6] << 16 | words[7]
        )
    }

    /// The shortest form: the longest run of zero groups, of two or more, as `::` (RFC 5952 §4).
    private static func ipv6Text(_ high: UInt64, _ low: UInt64) -> String {
        let groups = [high, low].flatMap { word in
            [48, 32, 16, 0].map { (shift: UInt64) in UInt16(truncatingIfNeeded: word >> shift) }
        }
        var longest = 0..<0
        var position = 0
        while position < 8 {
            var end = position
            while end < 8, groups[end] == 0 { end += 1 }
            if end - position > max(longest.count, 1) { longest = position..<end }
            position = max(end, position + 1)
        }
        func text(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        if longest.isEmpty { return text(groups[...]) }
        return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
    }
}
