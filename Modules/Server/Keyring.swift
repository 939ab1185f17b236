// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON

/// A key that seals gossip: 16, 24 or 32 bytes for AES-128, -192 or -256.
///
/// Its bytes are secret: whoever describes it, or dumps what holds it, sees its size only.
package struct GossipKey: Equatable, Sendable, CustomStringConvertible, CustomReflectable {
    let bytes: [UInt8]

    package init(bytes: [UInt8]) throws(KeyringError) {
        guard [16, 24, 32].contains(bytes.count) else { throw .keySize(bytes: bytes.count) }
        self.bytes = bytes
    }

    /// - Parameter base64: as `encrypt` in the configuration, the keyring's file and its API have it.
    package init(base64: String) throws(KeyringError) {
        guard base64.utf8.count <= 64, let bytes = Base64.decoded(base64) else {
            throw .notBase64
        }
        try self.init(bytes: bytes)
    }

    /// The key itself: for its file, and for operators who may see it.
    package var base64: String { Base64.encoded(bytes) }

    package var description: String { "a key of \(bytes.count) bytes" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why a key or a ring is not taken. Never tells a key.
package enum KeyringError: Error, Equatable, Sendable, CustomStringConvertible {
    case notBase64
    case keySize(bytes: Int)
    case full
    case empty
    case unknownKey
    case primaryKey
    case malformedFile(String)

    package var description: String {
        switch self {
        case .notBase64: "the key is not base64 of 16, 24 or 32 bytes"
        case .keySize(let bytes): "the key has \(bytes) bytes, not 16, 24 or 32"
        case .full: "the keyring has \(Keyring.keysMax) keys already: remove one first"
        case .empty: "the keyring has no key"
        case .unknownKey: "requested key is not in the keyring"
        case .primaryKey: "removing the primary key is not allowed"
        case .malformedFile(let why): "not a keyring: \(why)"
        }
    }
}

/// The keys of a gossip pool, in order: the first, the primary one, seals; all of them open. The rules
/// are Serf's.
///
/// A key is exchanged without a gap by three changes, each made on every server before the next one:
/// install the new key, use it, remove the old one. Whatever a server seals in between, the others
/// have the key of.
///
/// - Invariant: 1 to ``keysMax`` keys, no two of them equal.
package struct Keyring: Equatable, Sendable {
    /// Each of them is tried on what nobody here has sealed.
    package static let keysMax = 8
    /// Far above what ``keysMax`` keys take.
    package static let fileBytesMax = 4096

    package private(set) var keys: [GossipKey]

    /// - Parameter keys: the primary one first; a key that comes again is left out.
    package init(_ keys: [GossipKey]) throws(KeyringError) {
        var unique: [GossipKey] = []
        for key in keys where !unique.contains(key) { unique.append(key) }
        guard !unique.isEmpty else { throw .empty }
        guard unique.count <= Self.keysMax else { throw .full }
        self.keys = unique
    }

    package var primary: GossipKey { keys[0] }

    /// Opens with it too from here on; a key that is there already stays where it is.
    package mutating func install(_ key: GossipKey) throws(KeyringError) {
        guard !keys.contains(key) else { return }
        guard keys.count < Self.keysMax else { throw .full }
        keys.append(key)
    }

    /// Seals with it from here on.
    package mutating func use(_ key: GossipKey) throws(KeyringError) {
        guard let position = keys.firstIndex(of: key) else { throw .unknownKey }
        keys.remove(at: position)
        keys.insert(key, at: 0)
    }

    /// Does not open with it any more; one that is not there is as good as removed.
    package mutating func remove(_ key: GossipKey) throws(KeyringError) {
        guard key != primary else { throw .primaryKey }
        keys.removeAll { $0 == key }
    }

    // MARK: As a file

    /// Reads Serf's form: a JSON array of keys in base64, the primary one first.
    package init(file bytes: [UInt8]) throws(KeyringError) {
        let root: JSONNode
        do throws(JSONError) {
            root = try JSONReader.parse(
                bytes, limits: JSONLimits(depthMax: 2, bytesMax: Self.fileBytesMax, valuesMax: 64))
        } catch {
            throw .malformedFile("not JSON at line \(error.line), column \(error.column)")
        }
        guard case .array(let nodes) = root.value else {
            throw .malformedFile("a \(root.value.kind), not an array")
        }
        var keys: [GossipKey] = []
        for node in nodes {
            guard case .string(let text) = node.value else {
                throw .malformedFile("a \(node.value.kind) where a key should be")
            }
            keys.append(try GossipKey(base64: text))
        }
        try self.init(keys)
    }

    package var file: [UInt8] {
        JSONWriter.encode(JSONList(keys.map(\.base64)), pretty: true)
    }
}
