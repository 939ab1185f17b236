// SPDX-License-Identifier: Apache-2.0

/// The rules of MartletHTTP said again, slowly: on a whole stream, with lists of lines and words
/// and no state. What the reader accepts is compared with it.
enum ReferenceGrammar {
    struct Accepted: Equatable {
        var method: String
        var body: [UInt8]
    }

    private static let cr: UInt8 = 13
    private static let lf: UInt8 = 10
    private static let tokenMarks = Set("!#$%&'*+-.^_`|~".utf8)

    /// The requests at the start of a stream that are complete and right, up to the first that is
    /// not.
    static func requests(in stream: [UInt8]) -> [Accepted] {
        var rest = stream[...]
        var accepted: [Accepted] = []
        while let request = request(in: &rest) { accepted.append(request) }
        return accepted
    }

    private static func request(in rest: inout ArraySlice<UInt8>) -> Accepted? {
        var blanks = 0
        while rest.starts(with: [cr, lf]) {
            rest = rest.dropFirst(2)
            blanks += 1
        }
        guard blanks <= 4, var lines = lines(in: &rest), !lines.isEmpty else { return nil }
        let words = lines.removeFirst().split(separator: 32, omittingEmptySubsequences: false)
        guard words.count == 3, isToken(words[0]), isTarget(words[1], method: text(words[0])),
            ["HTTP/1.0", "HTTP/1.1"].contains(text(words[2])), lines.count <= 128
        else { return nil }
        let is10 = text(words[2]) == "HTTP/1.0"

        var fields: [(name: String, value: String)] = []
        for line in lines {
            guard let field = field(line) else { return nil }
            fields.append(field)
        }
        func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
        let hosts = values("host")
        guard hosts.count == 1 || hosts.isEmpty && is10 else { return nil }
        guard hosts.allSatisfy({ $0.utf8.allSatisfy(isAuthority) }) else { return nil }
        let expectations = values("expect").filter { lowercased($0) != "100-continue" }
        guard is10 || expectations.isEmpty else { return nil }

        let codings = values("transfer-encoding")
        let lengths = values("content-length")
        switch (codings.count, lengths.count) {
        case (0, 0): return Accepted(method: text(words[0]), body: [])
        case (0, 1):
            let digits = lengths[0].utf8
            guard !digits.isEmpty, digits.allSatisfy({ (48...57).contains($0) }),
                let length = Int(lengths[0]), length <= 1 << 20, rest.count >= length
            else { return nil }
            let body = Array(rest.prefix(length))
            rest = rest.dropFirst(length)
            return Accepted(method: text(words[0]), body: body)
        case (1, 0):
            guard !is10, lowercased(codings[0]) == "chunked", let body = chunks(in: &rest) else {
                return nil
            }
            return Accepted(method: text(words[0]), body: body)
        default: return nil
        }
    }

    private static func chunks(in rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        var body: [UInt8] = []
        while true {
            guard let line = line(in: &rest) else { return nil }
            let digits = line.prefix { isHexadecimal($0) }
            let extra = line.dropFirst(digits.count)
            let firstMark = extra.first { $0 != 32 && $0 != 9 }
            guard !digits.isEmpty, extra.isEmpty || firstMark == 59,
                extra.allSatisfy(isValueByte), let size = Int(text(digits), radix: 16)
            else { return nil }
            if size == 0 {
                guard let trailers = lines(in: &rest) else { return nil }
                return trailers.allSatisfy { field($0) != nil } ? body : nil
            }
            guard rest.count >= size + 2, body.count + size <= 1 << 20 else { return nil }
            body += rest.prefix(size)
            rest = rest.dropFirst(size)
            guard rest.starts(with: [cr, lf]) else { return nil }
            rest = rest.dropFirst(2)
        }
    }

    /// Lines up to an empty one, each without its CR LF.
    private static func lines(in rest: inout ArraySlice<UInt8>) -> [ArraySlice<UInt8>]? {
        var lines: [ArraySlice<UInt8>] = []
        while let line = line(in: &rest) {
            if line.isEmpty { return lines }
            lines.append(line)
        }
        return nil
    }

    private static func line(in rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let end = rest.firstIndex(of: lf), end > rest.startIndex, rest[end - 1] == cr else {
            return nil
        }
        let line = rest[..<(end - 1)]
        rest = rest[(end + 1)...]
        return line.contains(cr) ? nil : line
    }

    private static func field(_ line: ArraySlice<UInt8>) -> (name: String, value: String)? {
        guard let colon = line.firstIndex(of: 58), isToken(line[..<colon]) else { return nil }
        var value = line[(colon + 1)...]
        guard value.allSatisfy(isValueByte) else { return nil }
        while let first = value.first, first == 32 || first == 9 { value = value.dropFirst() }
        while let last = value.last, last == 32 || last == 9 { value = value.dropLast() }
        // One character per byte, so that nothing is repaired or joined.
        let latin = String(String.UnicodeScalarView(value.map { Unicode.Scalar($0) }))
        return (lowercased(text(line[..<colon])), latin)
    }

    private static func isTarget(_ target: ArraySlice<UInt8>, method: String) -> Bool {
        guard !target.isEmpty, target.allSatisfy({ (33...126).contains($0) && $0 != 35 }) else {
            return false
        }
        if method == "CONNECT" {
            return target.allSatisfy { isAuthority($0) && $0 != 37 } && target.contains(58)
        }
        if text(target) == "*" { return method == "OPTIONS" }
        var path = target
        if target.first != 47 {
            let lower = lowercased(text(target))
            guard let scheme = ["http://", "https://"].first(where: lower.hasPrefix) else {
                return false
            }
            path = target.dropFirst(scheme.utf8.count)
            let authority = path.prefix { $0 != 47 && $0 != 63 }
            guard !authority.isEmpty, authority.allSatisfy(isAuthority) else { return false }
            path = path.dropFirst(authority.count)
        }
        return decodes(path.prefix { $0 != 63 })
    }

    private static func decodes(_ path: ArraySlice<UInt8>) -> Bool {
        var decoded: [UInt8] = []
        var rest = path
        while let byte = rest.popFirst() {
            if byte == 37 {
                guard let high = rest.popFirst(), let low = rest.popFirst(),
                    isHexadecimal(high), isHexadecimal(low),
                    let value = UInt8(text([high, low]), radix: 16), value != 0
                else { return false }
                decoded.append(value)
            } else {
                decoded.append(byte)
            }
        }
        return String(validating: decoded, as: UTF8.self) != nil
    }

    private static func isToken(_ word: ArraySlice<UInt8>) -> Bool {
        !word.isEmpty && word.allSatisfy { isAlphanumeric($0) || tokenMarks.contains($0) }
    }

    private static func isValueByte(_ byte: UInt8) -> Bool {
        byte == 9 || (32...126).contains(byte) || byte >= 128
    }

    private static func isAuthority(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || "-._~%!$&'()*+,;=:[]".utf8.contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...70).contains(byte) || (97...102).contains(byte)
    }

    private static func text(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: Array(bytes), as: UTF8.self)
    }

    /// Lower case of ASCII letters alone.
    private static func lowercased(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    (65...90).contains(scalar.value)
                        ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar
                }))
    }
}
