// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletHTTP
import MartletJSON
import MartletRaft
import MartletTransport

// The keys that seal gossip, as operators change them: the server that is asked changes its own ring
// and asks every member that is alive to do the same. Only when all of them have answered without an
// error is the next of the three steps (install, use, remove) safe; the answer tells each that did not.

extension Server {
    func keyring(_ call: Call, _ respond: @escaping (APIResponse) -> Void) {
        guard seal.keyring != nil else {
            return respond(.text(500, "keyring is empty (encryption not enabled)"))
        }
        keyringHere(call) { [weak self] outcome in
            guard let self else { return respond(.text(503, "the server is stopping")) }
            self.keyringElsewhere(call, here: outcome, respond)
        }
    }

    /// A member's part, asked for by another server.
    func serveKeyring(_ call: Call, reply: @escaping (ForwardReply) -> Void) {
        guard seal.keyring != nil else {
            return reply(.answered(.text(500, "encryption not enabled")))
        }
        keyringHere(call) { [weak self] outcome in
            guard let self else { return reply(.answered(.text(503, "stopping"))) }
            reply(.answered(self.answer(outcome, call)))
        }
    }

    private func answer(_ outcome: KeyringOutcome, _ call: Call) -> APIResponse {
        switch outcome {
        case .keys(let keys): encode(KeyringResponse(own: keys), call)
        case .failed(let reason): .text(500, reason)
        }
    }

    private static let keyringChangesMax = 64

    /// Changes come one after the other: each begins with what the one before has made of the ring.
    private func keyringHere(_ call: Call, done: @escaping (KeyringOutcome) -> Void) {
        guard case .key(let key) = call.wish else {
            return done(.keys(seal.keyring?.keys.map(\.base64) ?? []))
        }
        guard keyringChanges.count < Self.keyringChangesMax else {
            return done(.failed("too many changes of the keyring at once: try again"))
        }
        keyringChanges.append { [weak self] in
            self?.changeKeyring(call.endpoint, key) { outcome in
                done(outcome)
                guard let self else { return }
                self.keyringChanges.removeFirst()
                self.keyringChanges.first?()
            }
        }
        if keyringChanges.count == 1 { keyringChanges[0]() }
    }

    /// Durable first, then true.
    private func changeKeyring(
        _ endpoint: Endpoint, _ key: GossipKey, done: @escaping (KeyringOutcome) -> Void
    ) {
        guard var changed = seal.keyring else { return done(.failed("encryption not enabled")) }
        do throws(KeyringError) {
            switch endpoint {
            case .keyringInstall: try changed.install(key)
            case .keyringUse: try changed.use(key)
            default: try changed.remove(key)
            }
        } catch {
            return done(.failed(error.description))
        }
        guard changed != seal.keyring, let path = options.keyringPath,
            let files = environment.files
        else {
            seal.keyring = changed
            return done(.keys(changed.keys.map(\.base64)))
        }
        let stored = changed
        snapshotLane.attempt({ () throws(FileError) in
            try files.replace(path, with: stored.file)
        }) { [weak self] (result: Result<Void, FileError>) in
            guard let self else { return }
            switch result {
            case .success:
                self.seal.keyring = stored
                self.logger.info(
                    "gossip keyring changed", metadata: ["keys": "\(stored.keys.count)"])
                done(.keys(stored.keys.map(\.base64)))
            case .failure(let error):
                done(.failed("the keyring cannot be stored: \(error)"))
            }
        }
    }

    private func keyringElsewhere(
        _ call: Call, here: KeyringOutcome, _ respond: @escaping (APIResponse) -> Void
    ) {
        var response = KeyringResponse(own: [])
        response.add(here, from: network.own.fullName)
        let others = network.members.all.filter {
            $0.info.id != id && ($0.status == .alive || $0.status == .leaving)
        }
        var left = others.count
        let finish = { [weak self] in
            guard left == 0, let self else { return }
            var answer = self.encode(response, call)
            if !response.messages.isEmpty { answer.status = 500 }
            respond(answer)
        }
        finish()
        for member in others {
            network.forward(
                call.request, of: call.caller.credential, to: member.info.id
            ) { result in
                response.add(KeyringOutcome(result), from: member.info.fullName)
                left -= 1
                finish()
            }
        }
    }
}

enum KeyringOutcome {
    /// In base64, the primary one first.
    case keys([String])
    case failed(String)

    init(_ result: ForwardResult) {
        switch result {
        case .replied(.answered(let response)) where response.status == 200:
            self =
                KeyringResponse.keys(in: response.body).map(Self.keys) ?? .failed("not an answer")
        case .replied(.answered(let response)):
            self = .failed(String(decoding: response.body.prefix(1024), as: UTF8.self))
        case .replied(.notLeader), .notSent: self = .failed("not reachable: nothing changed there")
        case .lost: self = .failed("no answer: it may or may not have changed there")
        }
    }
}

/// What the keyring's endpoints take.
enum KeyringRequest {
    private static let limits = JSONLimits(depthMax: 4, bytesMax: 4096, valuesMax: 64)

    /// `{"Key": "<base64>"}`.
    static func key(in body: [UInt8]) throws(APIError) -> GossipKey {
        let node: JSONNode
        do throws(JSONError) {
            node = try JSONReader.parse(body, limits: limits)
        } catch {
            throw APIError(status: 400, message: "Error parsing keyring request: \(error)")
        }
        guard case .string(let text) = node.member("Key")?.value, !text.isEmpty else {
            throw APIError(
                status: 400, message: "Error parsing keyring request: a text \"Key\" is needed")
        }
        do throws(KeyringError) {
            return try GossipKey(base64: text)
        } catch {
            throw APIError(status: 400, message: error.description)
        }
    }
}

/// The answer of the keyring's endpoints.
struct KeyringResponse: JSONWritable {
    /// By the name of each server that did not do it.
    var messages: [String: String] = [:]
    /// How many servers have each key.
    var counts: [String: Int] = [:]
    var primaries: [String: Int] = [:]
    var servers = 0

    init(own keys: [String]) {
        guard !keys.isEmpty else { return }
        take(keys)
    }

    mutating func add(_ outcome: KeyringOutcome, from server: String) {
        switch outcome {
        case .keys(let keys): take(keys)
        case .failed(let reason):
            servers += 1
            messages[server] = reason
        }
    }

    private mutating func take(_ keys: [String]) {
        servers += 1
        for key in keys { counts[key, default: 0] += 1 }
        if let primary = keys.first { primaries[primary, default: 0] += 1 }
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        write(counts.mapValues { Int64($0) }, "Keys", to: &writer)
        writer.key("Messages")
        writer.beginObject()
        for (name, text) in messages.sorted(by: { $0.key < $1.key }) { writer.member(name, text) }
        writer.endObject()
        writer.member("NumNodes", Int64(servers))
        write(primaries.mapValues { Int64($0) }, "PrimaryKeys", to: &writer)
        writer.endObject()
    }

    private func write(_ counts: [String: Int64], _ name: String, to writer: inout JSONWriter) {
        writer.key(name)
        writer.beginObject()
        for (key, count) in counts.sorted(by: { $0.key < $1.key }) { writer.member(key, count) }
        writer.endObject()
    }

    private static let answerLimits = JSONLimits(depthMax: 4, bytesMax: 64 << 10, valuesMax: 64)

    /// The ring of the one server that answered with `body`, the primary key first.
    static func keys(in body: [UInt8]) -> [String]? {
        let node: JSONNode
        do throws(JSONError) {
            node = try JSONReader.parse(body, limits: answerLimits)
        } catch {
            return nil
        }
        guard case .object(let keys) = node.member("Keys")?.value,
            case .object(let primaries) = node.member("PrimaryKeys")?.value
        else { return nil }
        let first = primaries.first?.name
        return (first.map { [$0] } ?? []) + keys.map(\.name).filter { $0 != first }
    }
}
