// SPDX-License-Identifier: Apache-2.0

/// What stands in a file of HCL, the language of Nomad's agent files and ACL policies, or in the
/// JSON that says the same:
///
///     region = "eu"                    an item: a key and a value
///     namespace "default" {            an item with a label, whose value is an object: a block
///       capabilities = ["read-job"]
///     }
///
/// A block without labels and `key = { … }` are one and the same. Two values are equal when they
/// say the same: where they stand does not count.
package indirect enum HCLValue: Equatable, Sendable {
    /// JSON's; HCL 1 has none, and here it may be written there too.
    case null
    case bool(Bool)
    /// As it was written: nothing is rounded before someone asks for a type.
    case number(text: String)
    case string(String)
    case list([HCLNode])
    case object(HCLBody)

    /// What a message calls this kind of value.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .list: "a list"
        case .object: "a block"
        }
    }
}

/// A value and where it begins.
package struct HCLNode: Equatable, Sendable {
    package let value: HCLValue
    package let position: HCLPosition

    package init(_ value: HCLValue, at position: HCLPosition) {
        self.value = value
        self.position = position
    }

    package static func == (left: Self, right: Self) -> Bool { left.value == right.value }
}

/// A word between a block's key and its brace.
package struct HCLLabel: Equatable, Sendable {
    package let text: String
    package let position: HCLPosition

    package init(_ text: String, at position: HCLPosition) {
        self.text = text
        self.position = position
    }

    package static func == (left: Self, right: Self) -> Bool { left.text == right.text }
}

/// A key and its value.
package struct HCLItem: Equatable, Sendable {
    package let key: String
    /// Where the key begins.
    package let position: HCLPosition
    /// Only before an object. JSON has none: it nests objects instead.
    package let labels: [HCLLabel]
    package let node: HCLNode

    package init(key: String, at position: HCLPosition, labels: [HCLLabel] = [], _ node: HCLNode) {
        self.key = key
        self.position = position
        self.labels = labels
        self.node = node
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.key == right.key && left.labels == right.labels && left.node == right.node
    }
}

/// Items in the order of the file; equal keys stay side by side.
package struct HCLBody: Equatable, Sendable {
    package var items: [HCLItem]

    package init(_ items: [HCLItem] = []) {
        self.items = items
    }
}
