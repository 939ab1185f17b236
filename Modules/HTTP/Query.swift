// SPDX-License-Identifier: Apache-2.0

/// The query of a request, read when it is asked for. Order is kept, names are case-sensitive, `+`
/// is a space. A pair with a bad percent escape is dropped, and ``hasInvalidPair`` says so.
package struct Query: Sendable, Equatable {
    /// As it was sent, without the question mark.
    package let text: String

    package init(_ text: String) { self.text = text }

    package var isEmpty: Bool { text.isEmpty }

    /// The first value of this name; empty for a bare name; nil when it is absent.
    package func first(_ name: String) -> String? {
        if text.isEmpty { return nil }
        return pairs.first { $0.name == name }?.value
    }

    package func all(_ name: String) -> [String] {
        if text.isEmpty { return [] }
        return pairs.filter { $0.name == name }.map(\.value)
    }

    package func contains(_ name: String) -> Bool { first(name) != nil }

    package var hasInvalidPair: Bool { parse().isInvalid }

    package var pairs: [(name: String, value: String)] { parse().pairs }

    private func parse() -> (pairs: [(name: String, value: String)], isInvalid: Bool) {
        var pairs: [(name: String, value: String)] = []
        var isInvalid = false
        for part in text.utf8.split(separator: UInt8(ascii: "&")) {
            let equals = part.firstIndex(of: UInt8(ascii: "="))
            let name = PercentCoding.decode(part[..<(equals ?? part.endIndex)], plusIsSpace: true)
            let value = equals.map {
                PercentCoding.decode(part[part.index(after: $0)...], plusIsSpace: true)
            }
            guard let name, let value = value ?? "" else {
                isInvalid = true
                continue
            }
            pairs.append((name, value))
        }
        return (pairs, isInvalid)
    }
}

enum PercentCoding {
    /// nil for an escape without two digits, and for what is not UTF-8 afterwards.
    static func decode(_ bytes: some Sequence<UInt8>, plusIsSpace: Bool) -> String? {
        var decoded: [UInt8] = []
        var iterator = bytes.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(digit),
                    let low = iterator.next().flatMap(digit)
                else { return nil }
                decoded.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace:
                decoded.append(UInt8(ascii: " "))
            default:
                decoded.append(byte)
            }
        }
        return String(validating: decoded, as: UTF8.self)
    }

    static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
