// SPDX-License-Identifier: Apache-2.0

/// Quoted strings and heredocs.
extension HCLScanner {
    /// - Precondition: stands at the quotation mark.
    mutating func quotedString() throws(HCLError) -> String {
        let begin = position
        advance()
        var text: [UInt8] = []
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                advance()
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text += try escape().utf8
            case UInt8(ascii: "$") where peek(1) == UInt8(ascii: "{"):
                text += try interpolation()
            case UInt8(ascii: "\n"):
                throw HCLError(
                    "this string is never closed on its line; a longer text is written as <<EOF",
                    at: begin)
            default:
                try refuseControl(byte)
                text.append(byte)
                advance()
            }
        }
        throw HCLError("this string is never closed: a quotation mark is missing", at: begin)
    }

    private func refuseControl(_ byte: UInt8) throws(HCLError) {
        guard byte < 0x20 || byte == 0x7F, byte != UInt8(ascii: "\t") else { return }
        throw HCLError(
            "the control character \(shownCharacter) in a string is written as an escape",
            at: position)
    }

    // MARK: Escapes

    private mutating func escape() throws(HCLError) -> String {
        let begin = position
        advance()
        let character: String
        switch current {
        case UInt8(ascii: "n"): character = "\n"
        case UInt8(ascii: "t"): character = "\t"
        case UInt8(ascii: "r"): character = "\r"
        case UInt8(ascii: "\""): character = "\""
        case UInt8(ascii: "\\"): character = "\\"
        case UInt8(ascii: "a"): character = "\u{07}"
        case UInt8(ascii: "b"): character = "\u{08}"
        case UInt8(ascii: "f"): character = "\u{0C}"
        case UInt8(ascii: "v"): character = "\u{0B}"
        case UInt8(ascii: "u"): return try scalar(digits: 4, begin)
        case UInt8(ascii: "U"): return try scalar(digits: 8, begin)
        default:
            throw HCLError(
                "unknown escape: a backslash itself is written \\\\, other characters as \\uXXXX",
                at: begin)
        }
        advance()
        return character
    }

    private mutating func scalar(digits: Int, _ begin: HCLPosition) throws(HCLError) -> String {
        advance()
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let byte = current,
                let digit = Character(Unicode.Scalar(byte)).hexDigitValue
            else { throw HCLError("this escape wants \(digits) hexadecimal digits", at: begin) }
            value = value << 4 | UInt32(digit)
            advance()
        }
        guard let scalar = Unicode.Scalar(value) else {
            throw HCLError("this escape stands for no character", at: begin)
        }
        return String(scalar)
    }

    // MARK: Interpolations

    /// `${…}`, kept as it is: escapes and quotation marks inside mean nothing here.
    private mutating func interpolation() throws(HCLError) -> ArraySlice<UInt8> {
        guard let end = Self.interpolationEnd(in: bytes, from: offset) else {
            throw HCLError("this \"${\" is never closed: a \"}\" is missing", at: position)
        }
        let text = bytes[offset..<end]
        advance(by: text.count)
        return text
    }

    /// After the brace that closes what begins at `start`; nil without one.
    static func interpolationEnd(in bytes: [UInt8], from start: Int) -> Int? {
        var open = 0
        for index in bytes.indices[start...] {
            switch bytes[index] {
            case UInt8(ascii: "{"): open += 1
            case UInt8(ascii: "}"):
                open -= 1
                if open == 0 { return index + 1 }
            default: break
            }
        }
        return nil
    }

    // MARK: Heredocs

    /// `<<EOF`, lines, and `EOF` on a line of its own. With `<<-EOF` that line may be indented, and
    /// what all lines share of its indentation is taken away, if all of them begin with it.
    ///
    /// - Precondition: stands at the first `<`.
    mutating func heredoc() throws(HCLError) -> String {
        let begin = position
        let isIndented = peek(2) == UInt8(ascii: "-")
        guard peek(1) == UInt8(ascii: "<") else {
            throw HCLError("unexpected character \"<\": a heredoc begins with <<", at: begin)
        }
        advance(by: isIndented ? 3 : 2)
        let marker = try line()
        guard !marker.isEmpty, marker.allSatisfy(Self.isMarkerByte) else {
            throw HCLError(
                "a heredoc begins with << and a word that ends the line, such as <<EOF", at: begin)
        }
        var lines: [ArraySlice<UInt8>] = []
        while current != nil {
            // The line that closes stays unread behind its marker: what follows is a new token.
            let rest = bytes[offset...].prefix { $0 != UInt8(ascii: "\n") }
            let blanks = rest.prefix { isIndented && ($0 == 0x20 || $0 == UInt8(ascii: "\t")) }
            let word = rest.dropFirst(blanks.count)
            if word.elementsEqual(marker) || word.elementsEqual(marker + [UInt8(ascii: "\r")]) {
                advance(by: rest.count)
                return Self.text(of: lines, without: blanks)
            }
            lines.append(try line())
        }
        let name = String(decoding: marker, as: UTF8.self)
        throw HCLError(
            "this heredoc is never closed: a line \(hclQuoted(name)) is missing", at: begin)
    }

    /// The rest of the line without its end; stands on the next one then.
    private mutating func line() throws(HCLError) -> ArraySlice<UInt8> {
        let start = offset
        while let byte = current, byte != UInt8(ascii: "\n") {
            let endsLine = byte == UInt8(ascii: "\r") && peek(1) == UInt8(ascii: "\n")
            if !endsLine { try refuseControl(byte) }
            advance()
        }
        var text = bytes[start..<offset]
        if text.last == UInt8(ascii: "\r") { text.removeLast() }
        if current != nil { advance() }
        return text
    }

    private static func isMarkerByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func text(
        of lines: [ArraySlice<UInt8>], without blanks: ArraySlice<UInt8>
    ) -> String {
        let isShared = lines.allSatisfy { $0.starts(with: blanks) }
        var text: [UInt8] = []
        for line in lines {
            text += isShared ? line.dropFirst(blanks.count) : line
            text.append(UInt8(ascii: "\n"))
        }
        return String(decoding: text, as: UTF8.self)
    }
}
