// SPDX-License-Identifier: Apache-2.0

/// A place in a file.
package struct HCLPosition: Equatable, Sendable, CustomStringConvertible {
    /// From 1; lines end with a line feed.
    package let line: Int
    /// From 1; a column is a character (a Unicode scalar).
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package var description: String { "\(line):\(column)" }
}

/// Why a text is none that we take, and where: for what is never closed, where it began.
package struct HCLError: Error, Equatable, Sendable, CustomStringConvertible {
    package let position: HCLPosition
    /// Says what would be right; what it quotes from the text is short and printable.
    package let message: String

    package init(_ message: String, at position: HCLPosition) {
        self.position = position
        self.message = message
    }

    package var description: String { "\(position): \(message)" }
}

/// A text from outside between quotation marks for a message: short, without control characters.
package func hclQuoted(_ text: String) -> String {
    let shownMax = 80
    var short = ""
    for scalar in text.unicodeScalars.prefix(shownMax) {
        let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
        short.unicodeScalars.append(isControl ? "\u{fffd}" : scalar)
    }
    let isLonger = text.unicodeScalars.dropFirst(shownMax).first != nil
    return "\"\(short)\(isLonger ? "…" : "")\""
}
