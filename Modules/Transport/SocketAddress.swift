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
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard !path.isEmpty, path.utf8.count < 108, !path.utf8.contains(0) else { return nil }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.count <= 5, !digits.isEmpty,
            digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            let port = UInt16(digits)
        else { return nil }
        self.init(host: text[..<colon], port: port)
    }

    /// Reads an address without its port: `1.2.3.4`, `::1` or `[::1]`.
    public init?(host: some StringProtocol, port: UInt16) {
        var host = Substring(host)
        if host.hasPrefix("["), host.hasSuffix("]") {
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

    /// The address without its port, as it is written in a URL: IPv6 in brackets.
    public var host: String {
        switch self {
        case .ipv4(let number, _):
            return "\(number >> 24).\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
        case .ipv6(let high, let low, _):
            return "[\(Self.ipv6Text(high, low))]"
        case .unix(let path):
            return path
        }
    }

    public var description: String {
        switch self {
        case .ipv4(_, let port), .ipv6(_, _, let port): "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    private static func ipv4Number(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var number: UInt32 = 0
        for part in parts {
            // A leading zero would be octal to some readers (RFC 6943 §3.1.1).
            guard (1...3).contains(part.utf8.count), part.first != "0" || part.utf8.count == 1,
                part.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
                let byte = UInt8(part)
            else { return nil }
            number = number << 8 | UInt32(byte)
        }
        return number
    }

    private static func ipv6Numbers(_ text: Substring) -> (UInt64, UInt64)? {
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
