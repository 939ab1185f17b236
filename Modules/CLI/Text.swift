// SPDX-License-Identifier: Apache-2.0

/// Texts of others, made fit for a terminal.
package enum Text {
    /// One line without control characters: an answer must not be able to steer a terminal.
    package static func line(_ text: some StringProtocol) -> String {
        var line = ""
        var isGap = false
        for scalar in text.unicodeScalars {
            if isControl(scalar) || scalar == " " {
                isGap = true
            } else {
                if isGap, !line.isEmpty { line.append(" ") }
                isGap = false
                line.unicodeScalars.append(scalar)
            }
        }
        return line
    }

    /// Line feeds and tabs stay, other control characters become U+FFFD.
    package static func lines(_ text: some StringProtocol) -> String {
        var lines = ""
        for scalar in text.unicodeScalars {
            let isKept = scalar == "\n" || scalar == "\t" || !isControl(scalar)
            lines.unicodeScalars.append(isKept ? scalar : "\u{fffd}")
        }
        return lines
    }

    /// A word that somebody typed, short enough for a message.
    package static func clipped(_ text: some StringProtocol) -> String {
        let line = line(text)
        return line.unicodeScalars.count > 80
            ? String(String.UnicodeScalarView(line.unicodeScalars.prefix(80))) + "…" : line
    }

    /// What a server gave as the reason of a refusal: a line, at most 512 characters.
    package static func reason(_ body: [UInt8]) -> String {
        let text = line(String(decoding: body.prefix(4096), as: UTF8.self))
        return text.unicodeScalars.count > 512
            ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(512))) + "…" : text
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
            // Marks that turn the direction of writing around.
            || (0x202a...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
    }

    /// Fills lines of at most `width` characters; words are not broken.
    package static func wrapped(_ text: String, width: Int, indent: Int = 0) -> String {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
            var line = ""
            for word in paragraph.split(separator: " ") {
                if !line.isEmpty, line.count + 1 + word.count > max(20, width - indent) {
                    lines.append(margin + line)
                    line = ""
                }
                line += (line.isEmpty ? "" : " ") + word
            }
            lines.append(line.isEmpty ? "" : margin + line)
        }
        return lines.joined(separator: "\n")
    }
}
