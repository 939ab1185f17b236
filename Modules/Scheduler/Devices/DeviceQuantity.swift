// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// A property of a device: a text, and where it is one a number of base units.
struct DeviceQuantity: Sendable {
    private enum Dimension: Sendable {
        case none, bytes, bytesPerSecond, hertz, watts
    }

    let text: String
    private let number: Double?
    private let dimension: Dimension

    init(text: String) {
        self.text = text
        number = nil
        dimension = .none
    }

    /// Reads `11441 MiB`, `1.5 GHz` or `42`; anything else is a text.
    init(parsing text: String) {
        let digits = text.prefix(while: { "0123456789.-+".contains($0) })
        let unit = text.dropFirst(digits.count).drop(while: { $0 == " " })
        self.text = text
        if let value = Double(digits), let (factor, dimension) = Self.unit(String(unit)) {
            number = value * factor
            self.dimension = dimension
        } else {
            number = nil
            dimension = .none
        }
    }

    init(_ attribute: DeviceAttribute) {
        let value: Double?
        switch attribute.value {
        case .int(let int): (text, value) = (String(int), Double(int))
        case .float(let double): (text, value) = (String(double), double)
        case .string(let string): (text, value) = (string, nil)
        case .bool(let bool): (text, value) = (String(bool), nil)
        }
        if let value, let (factor, dimension) = Self.unit(attribute.unit) {
            number = value * factor
            self.dimension = dimension
        } else {
            number = nil
            dimension = .none
        }
    }

    /// Both numbers, if they measure the same thing.
    func numbers(with other: DeviceQuantity) -> (Double, Double)? {
        guard let number, let theirs = other.number, dimension == other.dimension else {
            return nil
        }
        return (number, theirs)
    }

    private static func unit(_ name: String) -> (Double, Dimension)? {
        if name.isEmpty { return (1, .none) }
        if name == "W" { return (1, .watts) }
        if name == "mW" { return (0.001, .watts) }
        if name.hasSuffix("Hz") { return scale(name.dropLast(2)).map { ($0, .hertz) } }
        if name.hasSuffix("B/s") { return scale(name.dropLast(3)).map { ($0, .bytesPerSecond) } }
        if name.hasSuffix("B") { return scale(name.dropLast()).map { ($0, .bytes) } }
        return nil
    }

    private static func scale(_ prefix: Substring) -> Double? {
        switch prefix {
        case "": 1
        case "k", "K": 1e3
        case "M": 1e6
        case "G": 1e9
        case "T": 1e12
        case "P": 1e15
        case "Ki": 1024
        case "Mi": 1_048_576
        case "Gi": 1_073_741_824
        case "Ti": 1_099_511_627_776
        case "Pi": 1_125_899_906_842_624
        default: nil
        }
    }
}
