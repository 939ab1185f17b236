// SPDX-License-Identifier: Apache-2.0

/// Takes percent-encoding (RFC 3986 §2.1) off the bytes in `range`; nil for a `%` without two
/// hexadecimal digits, and for what is no UTF-8 then.
func percentDecoded(_ bytes: [UInt8], in range: Range<Int>, plusIsSpace: Bool) -> String? {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(range.count)
    var decoder = PercentDecoder(position: range.lowerBound, end: range.upperBound)
    while let byte = decoder.next(bytes, plusIsSpace: plusIsSpace) { decoded.append(byte) }
    return decoder.isValid ? String(validating: decoded, as: UTF8.self) : nil
}

/// Decodes byte by byte, so that a name is compared without being stored.
struct PercentDecoder {
    private(set) var position: Int
    let end: Int
    /// False once a bad escape was met; nothing is decoded from there on.
    private(set) var isValid = true

    init(position: Int, end: Int) {
        self.position = position
        self.end = end
    }

    mutating func next(_ bytes: [UInt8], plusIsSpace: Bool) -> UInt8? {
        guard position < end else { return nil }
        let byte = bytes[position]
        guard byte == UInt8(ascii: "%") else {
            position += 1
            return plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte
        }
        guard end - position > 2, let high = bytes[position + 1].hexadecimalValue,
            let low = bytes[position + 2].hexadecimalValue
        else {
            isValid = false
            position = end
            return nil
        }
        position += 3
        return high << 4 | low
    }
}
