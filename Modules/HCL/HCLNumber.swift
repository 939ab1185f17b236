// SPDX-License-Identifier: Apache-2.0

/// Numbers as they are written: `-12`, `0x1F`, `0755` (octal), `1.5`, `.5`, `2e-3`.
package enum HCLNumber {
    /// nil unless it is written without a fraction and an exponent, and fits.
    package static func integer(_ text: String) -> Int? {
        guard isNumber(text) else { return nil }
        let isNegative = text.hasPrefix("-")
        let digits = text.dropFirst(isNegative ? 1 : 0)
        let sign = isNegative ? "-" : ""
        if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
            return Int(sign + digits.dropFirst(2), radix: 16)
        }
        guard digits.utf8.allSatisfy(isDigit) else { return nil }
        let isOctal = digits.utf8.count > 1 && digits.hasPrefix("0")
        return Int(sign + digits, radix: isOctal ? 8 : 10)
    }

    /// Whether HCL takes this text for a number.
    package static func isNumber(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
        if rest.first == UInt8(ascii: "0"), rest.dropFirst().first.map({ $0 | 0x20 }) == x {
            let digits = rest.dropFirst(2)
            return !digits.isEmpty && digits.allSatisfy(isHexDigit)
        }
        let whole = takeDigits(&rest)
        var fraction: ArraySlice<UInt8> = []
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            fraction = takeDigits(&rest)
            if fraction.isEmpty { return false }
        }
        if whole.isEmpty, fraction.isEmpty { return false }
        var hasExponent = false
        if let byte = rest.first, byte | 0x20 == UInt8(ascii: "e") {
            hasExponent = true
            rest.removeFirst()
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") {
                rest.removeFirst()
            }
            if takeDigits(&rest).isEmpty { return false }
        }
        let isOctal = whole.count > 1 && whole.first == UInt8(ascii: "0")
        let isInteger = fraction.isEmpty && !hasExponent
        return rest.isEmpty && !(isOctal && isInteger && whole.contains { $0 > 0x37 })
    }

    private static let x = UInt8(ascii: "x")

    private static func takeDigits(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let digits = rest.prefix(while: isDigit)
        rest = rest[digits.endIndex...]
        return digits
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte | 0x20
    }
}
