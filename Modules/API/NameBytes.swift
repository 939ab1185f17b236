// SPDX-License-Identifier: Apache-2.0

extension UInt8 {
    /// A letter or a digit of ASCII: what names of policies, roles and pools are made of, beside a few marks.
    package var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
