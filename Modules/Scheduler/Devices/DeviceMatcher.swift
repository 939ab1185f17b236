// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// A device request, ready to be asked of a node's device groups.
struct DeviceMatcher: Sendable {
    let count: Int
    private let vendor: Substring?
    let type: Substring
    private let model: Substring?
    private let constraints: [DeviceCondition]
    private let affinities: [(condition: DeviceCondition, weight: Int)]

    /// `gpu`, `nvidia/gpu` or `nvidia/gpu/1080ti`: the model may hold slashes.
    init(_ request: DeviceRequest) {
        count = max(1, min(request.count, Amount.max))
        let parts = request.name.split(
            separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        switch parts.count {
        case 1: (vendor, type, model) = (nil, parts[0], nil)
        case 2: (vendor, type, model) = (parts[0], parts[1], nil)
        default: (vendor, type, model) = (parts[0], parts[1], parts[2])
        }
        constraints = request.constraints.map {
            DeviceCondition($0.leftTarget, $0.operand, $0.rightTarget)
        }
        affinities = request.affinities.filter { $0.weight != 0 }.map {
            (
                DeviceCondition($0.leftTarget, $0.operand, $0.rightTarget), Amount.weight($0.weight)
            )
        }
    }

    var hasAffinities: Bool { !affinities.isEmpty }
    /// Σ|weights|.
    var weightSum: Int { affinities.reduce(0) { $0 + abs($1.weight) } }

    func matches(_ group: NodeDeviceGroup) -> Bool {
        guard type == group.type, vendor.map({ $0 == group.vendor }) ?? true,
            model.map({ $0 == group.name }) ?? true
        else { return false }
        return constraints.allSatisfy { $0.holds(for: group) }
    }

    /// Σ of the weights that match.
    func matchedWeight(_ group: NodeDeviceGroup) -> Int {
        affinities.reduce(0) { $0 + ($1.condition.holds(for: group) ? $1.weight : 0) }
    }
}

/// A constraint or an affinity on a device: `${device.model}`, `${device.attr.memory}` and literals,
/// compared as numbers with their units where both are.
struct DeviceCondition: Sendable {
    private enum Target: Sendable {
        case literal(DeviceQuantity)
        case model, vendor, type
        case attribute(String)
        case unknown
    }

    private let left: Target
    private let right: Target
    private let comparison: Comparison
    private let operand: String

    init(_ left: String, _ operand: String, _ right: String) {
        self.left = Self.target(left)
        self.right = Self.target(right)
        self.operand = operand
        comparison = Comparison(operand, right: right.hasPrefix("${") ? .unknown : .literal(right))
    }

    private static func target(_ text: String) -> Target {
        switch text {
        case "${device.model}": return .model
        case "${device.vendor}": return .vendor
        case "${device.type}": return .type
        default: break
        }
        guard text.hasPrefix("${"), text.hasSuffix("}") else {
            return .literal(DeviceQuantity(parsing: text))
        }
        let name = text.dropFirst(2).dropLast()
        return name.hasPrefix("device.attr.")
            ? .attribute(String(name.dropFirst("device.attr.".count))) : .unknown
    }

    func holds(for group: NodeDeviceGroup) -> Bool {
        let a = Self.value(left, of: group)
        let b = Self.value(right, of: group)
        if let a, let b, let numbers = a.numbers(with: b) {
            switch operand {
            case "=", "==", "is": return numbers.0 == numbers.1
            case "!=", "not": return numbers.0 != numbers.1
            case "<": return numbers.0 < numbers.1
            case "<=": return numbers.0 <= numbers.1
            case ">": return numbers.0 > numbers.1
            case ">=": return numbers.0 >= numbers.1
            default: break
            }
        }
        return comparison.holds(a?.text, b?.text)
    }

    private static func value(_ target: Target, of group: NodeDeviceGroup) -> DeviceQuantity? {
        switch target {
        case .literal(let value): value
        case .model: DeviceQuantity(text: group.name)
        case .vendor: DeviceQuantity(text: group.vendor)
        case .type: DeviceQuantity(text: group.type)
        case .attribute(let key): group.attributes[key].map(DeviceQuantity.init)
        case .unknown: nil
        }
    }
}
