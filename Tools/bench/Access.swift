// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletState
import MartletTLS

/// What authentication and authorisation of one request cost: the digest of the secret, the lookup in the
/// cache, and the decision. Every token has so many policies.
func runAccess(policies: Int) {
    let crypto = OpenSSLCrypto()
    let secrets = (0..<256).map { number in
        let digits = String(number, radix: 16)
        return Array(
            ("00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits)
                .utf8)
    }
    let state = accessState(secrets: secrets, policies: policies, crypto)
    let operations: [(String, Operation)] = [
        ("operator", .autopilotWrite), ("agent", .agentRead), ("refused", .snapshotSave),
        ("namespace", .namespace("team-7", .submitJob)),
        ("glob", .namespace("team-7-staging", .submitJob)),
    ]
    print("\(secrets.count) tokens with \(policies) policies each, all of them cached")
    for (name, operation) in operations {
        var cache = AccessCache()
        var allowed = 0
        let best = bestRound(of: secrets) { secret in
            guard let digest = digest(secret, crypto),
                let access = cache.access(digest, in: state)
            else { preconditionFailure("a token is not there") }
            if access.rules.decide(operation).isAllowed { allowed += 1 }
        }
        print("\(name): \(best) ns a request, \(allowed > 0 ? "allowed" : "refused")")
    }
    let best = bestRound(of: secrets) { precondition(digest($0, crypto) != nil) }
    print("of which the digest: \(best) ns")
}

/// Nanoseconds that one takes in the quickest of many short rounds: others use the processor too.
private func bestRound(of secrets: [[UInt8]], _ body: ([UInt8]) -> Void) -> Int {
    var best = Duration.seconds(1)
    for _ in 0..<4_000 {
        let start = ContinuousClock.now
        for secret in secrets { body(secret) }
        best = min(best, ContinuousClock.now - start)
    }
    return Int(best / .nanoseconds(1)) / secrets.count
}

private func digest(_ secret: [UInt8], _ crypto: OpenSSLCrypto) -> TokenDigest? {
    do {
        return TokenDigest(try crypto.sha256(secret))
    } catch {
        preconditionFailure("\(error)")
    }
}

/// A token for each secret, and the policies that they all have.
private func accessState(
    secrets: [[UInt8]], policies: Int, _ crypto: OpenSSLCrypto
) -> State {
    var state = State()
    let names = (0..<policies).map { "policy-\($0)" }
    let objects = names.enumerated().map { number, name in
        ACLPolicy(
            name: name,
            rules: """
                operator { policy = "write" }
                agent { policy = "read" }
                namespace "team-\(number)" { policy = "write" }
                namespace "team-\(number)-*" { capabilities = ["submit-job", "read-job"] }
                """)
    }
    apply(.upsertPolicies(objects), to: &state)
    for secret in secrets {
        guard let digest = digest(secret, crypto) else { preconditionFailure("no digest") }
        let accessor = String(decoding: secret, as: UTF8.self)
        apply(
            .createToken(
                ACLToken(
                    accessorID: accessor, digest: digest, name: "bench", kind: .client,
                    policies: names, createUnixNanoseconds: 0)), to: &state)
    }
    return state
}

private func apply(_ command: ACLCommand, to state: inout State) {
    let index = state.lastAppliedIndex + 1
    let result = state.apply(Command.acl(command).encoded(), at: index)
    precondition(result == .applied(modifyIndex: index), "\(result)")
}
