// SPDX-License-Identifier: Apache-2.0

import MartletJSON

/// JSON → the tree that HCL gives for the same. Objects become bodies; labels there are none.
struct HCLJSON {
    private var places: HCLPlaces
    private let limits: HCLLimits
    private var items = 0

    static func parse(_ bytes: [UInt8], _ limits: HCLLimits) throws(HCLError) -> HCLBody {
        let root: JSONNode
        do throws(JSONError) {
            root = try JSONReader.parse(
                bytes,
                limits: JSONLimits(
                    depthMax: limits.depthMax, bytesMax: limits.bytesMax,
                    valuesMax: limits.itemsMax + 1))
        } catch {
            var places = HCLPlaces(of: bytes)
            throw HCLError("not JSON: \(error)", at: places.position(of: error.offset))
        }
        var json = HCLJSON(places: HCLPlaces(of: bytes), limits: limits)
        guard case .object(let body) = json.node(root).value else {
            var places = HCLPlaces(of: bytes)
            throw HCLError(
                "not a JSON object: a file is {…}", at: places.position(of: root.offset))
        }
        return body
    }

    private init(places: HCLPlaces, limits: HCLLimits) {
        self.places = places
        self.limits = limits
    }

    /// In the order of the text, which is that of the places. The reader has bounded the depth.
    private mutating func node(_ node: JSONNode) -> HCLNode {
        let position = places.position(of: node.offset)
        return HCLNode(value(node.value), at: position)
    }

    private mutating func value(_ value: JSONValue) -> HCLValue {
        switch value {
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .number(let number): return .number(text: number.text)
        case .string(let text): return .string(text)
        case .array(let nodes):
            var list: [HCLNode] = []
            for element in nodes { list.append(node(element)) }
            return .list(list)
        case .object(let members):
            var body = HCLBody()
            for member in members {
                let position = places.position(of: member.nameOffset)
                body.items.append(HCLItem(key: member.name, at: position, node(member.node)))
            }
            return .object(body)
        }
    }
}
