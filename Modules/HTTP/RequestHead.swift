// SPDX-License-Identifier: Apache-2.0

/// The request line and fields of one request, checked (RFC 9112 §3, §5).
package struct RequestHead: Sendable {
    /// Case-sensitive (RFC 9110 §9.1); `other` is any token that is none of these.
    package enum Method: Sendable, Equatable {
        case get, head, put, post, delete, patch, options, connect, trace, other
    }

    package let method: Method
    package let methodText: String
    /// Percent-decoded, without the query; `*` for the asterisk form.
    package let path: String
    package let query: Query
    package let isVersion1_0: Bool
    package let keepsAlive: Bool
    package let expectsContinue: Bool
    package let contentLength: Int?
    package let isChunked: Bool
    package let acceptsGzip: Bool
    let fields: FieldBlock

    /// The first field of this name, without the space around it; the name in lower case.
    package func header(_ lowercasedName: StaticString) -> String? {
        fields.first(lowercasedName).map { String(decoding: fields.bytes[$0], as: UTF8.self) }
    }
}

/// The bytes of a header block, and where its names and values are.
struct FieldBlock: Sendable {
    struct Field: Sendable {
        var name: Range<Int>
        var value: Range<Int>
    }

    var bytes: [UInt8]
    var fields: [Field] = []

    func first(_ name: StaticString) -> Range<Int>? {
        fields.first { matches($0.name, name) }?.value
    }

    func count(_ name: StaticString) -> Int { fields.count { matches($0.name, name) } }

    func values(_ name: StaticString) -> [ArraySlice<UInt8>] {
        fields.filter { matches($0.name, name) }.map { bytes[$0.value] }
    }

    private func matches(_ range: Range<Int>, _ name: StaticString) -> Bool {
        guard range.count == name.utf8CodeUnitCount else { return false }
        return name.withUTF8Buffer { expected in
            for offset in 0..<range.count {
                var byte = bytes[range.lowerBound + offset]
                if UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte { byte |= 0x20 }
                // SAFETY: `offset` is below the number of bytes of the name, compared above.
                if unsafe byte != expected[offset] { return false }
            }
            return true
        }
    }
}

/// Lists of tokens with parameters, in fields.
enum FieldList {
    /// The elements of comma-separated values, trimmed, in lower case.
    static func elements(_ values: [ArraySlice<UInt8>]) -> [String] {
        values.flatMap { $0.split(separator: UInt8(ascii: ",")) }
            .map { String(decoding: trim($0), as: UTF8.self).lowercased() }
            .filter { !$0.isEmpty }
    }

    static func trim(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes
        while let first = bytes.first, isSpace(first) { bytes = bytes.dropFirst() }
        while let last = bytes.last, isSpace(last) { bytes = bytes.dropLast() }
        return bytes
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// Whether gzip may be sent (RFC 9110 §12.5.3): named, or covered by `*`, with a weight over 0.
    static func acceptsGzip(_ values: [ArraySlice<UInt8>]) -> Bool {
        var star: Bool?
        for element in elements(values) {
            let parts = element.split(separator: ";").map {
                String(decoding: trim(Array($0.utf8)[...]), as: UTF8.self)
            }
            guard let coding = parts.first else { continue }
            let isWanted = !parts.dropFirst().contains { parameter in
                parameter.hasPrefix("q=")
                    && parameter.dropFirst(2).utf8.allSatisfy {
                        $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".")
                    }
            }
            if coding == "gzip" || coding == "x-gzip" { return isWanted }
            if coding == "*" { star = isWanted }
        }
        return star ?? false
    }
}
