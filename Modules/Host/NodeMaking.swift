// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletTransport

extension NodeOptions {
    /// With fresh ids, and one secret for all.
    func mockNodes(_ crypto: any Crypto) throws(ConfigurationFailure) -> [Node] {
        let secret = try UniqueID.make(by: crypto)
        let stem = name.isEmpty ? "mock" : name
        var nodes: [Node] = []
        for number in 0..<count {
            let own = count == 1 && !name.isEmpty ? name : "\(stem)-\(number)"
            nodes.append(
                node(id: try UniqueID.make(by: crypto), secret: secret, name: own, driver: "mock"))
        }
        return nodes
    }

    func node(id: UniqueID, secret: UniqueID, name: String, driver: String) -> Node {
        var node = Node(
            id: id, secretID: secret, name: name, datacenter: datacenter,
            resources: NodeResources(cpu: cpu, memoryMB: memoryMB, diskMB: diskMB))
        node.nodeClass = nodeClass
        node.nodePool = nodePool
        node.meta = meta
        node.attributes = attributes
        node.attributes["driver.\(driver)"] = "1"
        node.status = .ready
        node.drivers[driver] = DriverState()
        return node
    }
}

extension UniqueID {
    /// A random one (RFC 9562 §5.4).
    static func make(by crypto: any Crypto) throws(ConfigurationFailure) -> UniqueID {
        do throws(CryptoError) {
            let bytes = try crypto.secureRandomBytes(16)
            var words: (high: UInt64, low: UInt64) = (0, 0)
            for byte in bytes[0..<8] { words.high = words.high << 8 | UInt64(byte) }
            for byte in bytes[8..<16] { words.low = words.low << 8 | UInt64(byte) }
            return UniqueID(
                high: words.high & ~0xF000 | 0x4000, low: words.low & ~(3 << 62) | 2 << 62)
        } catch {
            throw ConfigurationFailure(text: "no random bytes for an id: \(error)", exitCode: 1)
        }
    }
}
