// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletServer
import MartletSimulation
import Testing

private let autopilot = "/v1/operator/autopilot/configuration"
private let peers = "/v1/operator/raft/configuration"

@Suite("Access to whole servers") struct AccessTests {
    @Test("A token that the leader made is good on every server at once, and a revoked one on none")
    func tokensAtOnce() throws {
        let guarded = try GuardedCluster(seed: 81)
        try guarded.putPolicy("r", #"operator { policy = "read" }"#)
        for _ in 0..<10 {
            let token = try guarded.makeToken(policies: ["r"])
            for node in guarded.cluster.nodes {
                let answer = guarded.cluster.ask(node, .get, autopilot, token: token.secret)
                #expect(answer.status == 200, "\(node.name): \(answer.text)")
            }
            try guarded.manage(.delete, "/v1/acl/token/\(token.accessor)")
            for node in guarded.cluster.nodes {
                for (method, path) in [
                    (ClientMethod.get, autopilot), (.get, "/v1/operator/autopilot/health"),
                    (.get, "/v1/agent/members"), (.put, "/v1/agent/join?address=x"),
                ] {
                    let answer = guarded.cluster.ask(node, method, path, token: token.secret)
                    #expect(answer.status == 403, "\(node.name) \(path): \(answer.status)")
                    #expect(answer.text == "ACL token not found")
                }
            }
        }
    }

    @Test("A policy that changes has changed for every server when the write is answered")
    func policiesAtOnce() throws {
        let guarded = try GuardedCluster(seed: 82)
        let secret = try guarded.token(of: "p", #"operator { policy = "write" }"#)
        for node in guarded.cluster.nodes {
            #expect(
                guarded.cluster.ask(node, .put, autopilot, body: "{}", token: secret).status == 200)
        }
        try guarded.putPolicy("p", #"operator { policy = "read" }"#)
        for node in guarded.cluster.nodes {
            #expect(
                guarded.cluster.ask(node, .put, autopilot, body: "{}", token: secret).status == 403)
            #expect(guarded.cluster.ask(node, .get, autopilot, token: secret).status == 200)
        }
        try guarded.manage(.delete, "/v1/acl/policy/p")
        for node in guarded.cluster.nodes {
            #expect(guarded.cluster.ask(node, .get, autopilot, token: secret).status == 403)
        }
    }

    @Test("A server that is cut off judges stale requests by what it has, and no others")
    func cutOff() throws {
        let guarded = try GuardedCluster(seed: 83) { $0.leaderHold = .seconds(3) }
        try guarded.putPolicy("r", #"operator { policy = "read" }"#)
        let token = try guarded.makeToken(policies: ["r"])
        let (near, far) = (guarded.followers[0], guarded.followers[1])
        #expect(guarded.cluster.ask(far, .get, autopilot, token: token.secret).status == 200)
        for other in [guarded.leader, near] {
            guarded.cluster.world.network.partition(far.host, other.host)
        }
        try guarded.manage(.delete, "/v1/acl/token/\(token.accessor)")
        let stale = guarded.cluster.ask(far, .get, autopilot + "?stale", token: token.secret)
        #expect(stale.status == 200)
        let known = guarded.cluster.ask(far, .get, autopilot, token: token.secret)
        #expect(known.status == 503, "\(known.text)")
        let unknown = guarded.cluster.ask(
            far, .get, autopilot, token: "11111111-2222-4333-8444-555555555555")
        #expect(unknown.status == 503, "\(unknown.text)")
        guarded.cluster.world.network.heal()
        let later = guarded.cluster.ask(far, .get, autopilot, token: token.secret)
        #expect(later.status == 403)
    }

    @Test("A new leader refuses what the one before it revoked, before it has said a word itself")
    func revokedBeforeFailover() throws {
        for seed in 0..<6 as Range<UInt64> {
            let guarded = try GuardedCluster(seed: 840 + seed)
            try guarded.putPolicy("w", #"operator { policy = "write" }"#)
            let token = try guarded.makeToken(policies: ["w"])
            try guarded.manage(.delete, "/v1/acl/token/\(token.accessor)")
            guarded.cluster.kill(guarded.leader)
            for _ in 0..<20 {
                for node in guarded.followers {
                    let answer = guarded.cluster.ask(
                        node, .put, autopilot, body: "{}", token: token.secret,
                        timeout: .milliseconds(200))
                    #expect([0, 403, 503].contains(answer.status), "\(answer.status)")
                }
            }
        }
    }

    @Test("A token that has expired opens nothing, and is gone after a while")
    func expiry() throws {
        let guarded = try GuardedCluster(seed: 85)
        try guarded.putPolicy("r", #"operator { policy = "read" }"#)
        let token = try guarded.makeToken(policies: ["r"], more: #","ExpirationTTL":"1m""#)
        #expect(
            guarded.cluster.ask(guarded.followers[0], .get, autopilot, token: token.secret).status
                == 200)
        guarded.cluster.world.run(for: .seconds(70))
        let answer = guarded.cluster.ask(guarded.followers[0], .get, autopilot, token: token.secret)
        #expect(answer.status == 403)
        guarded.cluster.world.run(for: .seconds(30))
        let list = try guarded.manage(.get, "/v1/acl/tokens").text
        #expect(!list.contains(token.accessor))
        for more in [
            #","ExpirationTTL":"59s""#, #","ExpirationTTL":"25h""#, #","ExpirationTTL":"-1h""#,
        ] {
            let refused = guarded.cluster.ask(
                guarded.leader, .put, "/v1/acl/token",
                body: #"{"Name":"t","Type":"client","Policies":["r"]\#(more)}"#,
                token: guarded.management)
            #expect(refused.status == 400, "\(more): \(refused.text)")
        }
    }

    @Test("The bootstrap is done once; a file on the leader lets it be done again")
    func bootstrap() throws {
        let guarded = try GuardedCluster(seed: 86)
        let again = guarded.cluster.ask(guarded.followers[0], .post, "/v1/acl/bootstrap")
        #expect(again.status == 400)
        let mark = "reset index: "
        let place = try #require(again.text.firstRange(of: mark))
        let index = String(again.text[place.upperBound...].prefix(while: \.isNumber))
        #expect(again.text == "ACL bootstrap already done (reset index: \(index))")
        let path = try #require(guarded.leader.options.acl.bootstrapResetPath)
        try guarded.leader.host.files.makeDirectory("/data/server")
        try guarded.leader.host.files.replace(path, with: Array("5".utf8))
        let wrong = guarded.cluster.ask(guarded.leader, .put, "/v1/acl/bootstrap")
        #expect(wrong.status == 400)
        #expect(wrong.text == "Invalid bootstrap reset index (specified 5, reset index: \(index))")
        try guarded.leader.host.files.replace(path, with: Array("\(index)\n".utf8))
        let right = guarded.cluster.ask(guarded.followers[1], .put, "/v1/acl/bootstrap")
        let secret = try #require(right.field("SecretID"), "\(right.text)")
        for old in [secret, guarded.management] {
            #expect(guarded.cluster.ask(guarded.leader, .get, peers, token: old).status == 200)
        }
        // The file stays, and opens nothing a second time.
        #expect(guarded.cluster.ask(guarded.leader, .put, "/v1/acl/bootstrap").status == 400)
    }

    @Test("A reset can take every older management token away")
    func resetRevokes() throws {
        let guarded = try GuardedCluster(seed: 87) { $0.acl.resetRevokes = true }
        let refused = guarded.cluster.ask(guarded.leader, .put, "/v1/acl/bootstrap").text
        let index = String(refused.filter(\.isNumber))
        let path = try #require(guarded.leader.options.acl.bootstrapResetPath)
        try guarded.leader.host.files.makeDirectory("/data/server")
        try guarded.leader.host.files.replace(path, with: Array(index.utf8))
        let reset = guarded.cluster.ask(guarded.leader, .put, "/v1/acl/bootstrap")
        let secret = try #require(reset.field("SecretID"), "\(reset.text)")
        #expect(guarded.cluster.ask(guarded.leader, .get, peers, token: secret).status == 200)
        for node in guarded.cluster.nodes {
            let answer = guarded.cluster.ask(node, .get, peers, token: guarded.management)
            #expect(answer.status == 403)
        }
    }

    @Test("A bootstrap takes a secret of the operator's own, if it is a UUID")
    func ownSecret() throws {
        let cluster = SimulatedCluster(seed: 88, count: 1) { $0.acl.isEnabled = true }
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let weak = cluster.ask(
            leader, .put, "/v1/acl/bootstrap", body: #"{"BootstrapSecret":"secret"}"#)
        #expect(weak.status == 400)
        let secret = "2b778dd9-f5f1-6f29-b4b4-9a5fa948757a"
        let done = cluster.ask(
            leader, .put, "/v1/acl/bootstrap", body: #"{"BootstrapSecret":"\#(secret)"}"#)
        #expect(done.field("SecretID") == secret)
        #expect(cluster.ask(leader, .get, peers, token: secret).status == 200)
    }

    @Test("No secret is on any disk, nor in a snapshot that an operator saves")
    func secretsAreNowhere() throws {
        let guarded = try GuardedCluster(seed: 89) { $0.snapshotEntries = 8 }
        var secrets = [guarded.management]
        for number in 0..<12 {
            secrets.append(try guarded.token(of: "p\(number)", #"node { policy = "read" }"#))
        }
        guarded.cluster.world.run(for: .seconds(2))
        let saved = try guarded.manage(.get, "/v1/operator/snapshot")
        let archive = try guarded.leader.host.compression.gunzip(
            saved.answered?.body ?? [], limitBytes: 1 << 24)
        for node in guarded.cluster.nodes {
            let bytes = node.host.disk.everything
            #expect(bytes.contains(Array("Bootstrap Token".utf8)))
            for secret in secrets {
                #expect(!bytes.contains(Array(secret.utf8)), "\(node.name)")
                #expect(!archive.contains(Array(secret.utf8)))
            }
        }
    }

    @Test("The owner of a token is told why it is refused, and nobody else is")
    func explained() throws {
        let guarded = try GuardedCluster(seed: 90)
        let secret = try guarded.token(of: "r", #"operator { policy = "read" }"#)
        for node in [guarded.leader, guarded.followers[0]] {
            let owner = guarded.cluster.ask(node, .get, peers + "?explain", token: secret)
            #expect(owner.status == 403)
            #expect(owner.text == "Permission denied: no policy grants raft-read", "\(owner.text)")
            let anonymous = guarded.cluster.ask(node, .get, peers + "?explain")
            #expect(anonymous.text == "Permission denied")
        }
    }

    @Test("The anonymous policy holds for who presents nothing")
    func anonymous() throws {
        let guarded = try GuardedCluster(seed: 91)
        #expect(guarded.cluster.ask(guarded.leader, .get, autopilot).status == 403)
        try guarded.putPolicy("anonymous", #"operator { policy = "read" }"#)
        for node in guarded.cluster.nodes {
            #expect(guarded.cluster.ask(node, .get, autopilot).status == 200)
            #expect(guarded.cluster.ask(node, .put, autopilot, body: "{}").status == 403)
            #expect(guarded.cluster.ask(node, .get, "/v1/acl/policy/anonymous").status == 200)
        }
    }

    @Test("Roles lend their policies, until they lose them")
    func roles() throws {
        let guarded = try GuardedCluster(seed: 92)
        try guarded.putPolicy("r", #"operator { policy = "read" }"#)
        let role = try guarded.manage(
            .put, "/v1/acl/role", #"{"Name":"readers","Policies":[{"Name":"r"}]}"#)
        let id = try #require(role.field("ID"))
        let made = try guarded.manage(
            .put, "/v1/acl/token",
            #"{"Name":"t","Type":"client","Roles":[{"Name":"readers"}]}"#)
        let secret = try #require(made.field("SecretID"))
        #expect(
            guarded.cluster.ask(guarded.followers[0], .get, autopilot, token: secret).status == 200)
        let named = guarded.cluster.ask(
            guarded.followers[0], .get, "/v1/acl/role/name/readers", token: secret)
        #expect(named.field("ID") == id)
        try guarded.manage(.delete, "/v1/acl/role/\(id)")
        #expect(
            guarded.cluster.ask(guarded.followers[0], .get, autopilot, token: secret).status == 403)
    }

    @Test("With access control switched off its endpoints say so, and tokens mean nothing")
    func switchedOff() throws {
        let cluster = SimulatedCluster(seed: 93, count: 1)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        for path in ["/v1/acl/tokens", "/v1/acl/policies", "/v1/acl/token/self"] {
            let answer = cluster.ask(leader, .get, path)
            #expect(answer.status == 400)
            #expect(answer.text == "ACL support disabled")
        }
        #expect(cluster.ask(leader, .get, autopilot, token: "garbage").status == 200)
    }

    @Test(
        "While a server of an older version is there, nothing is put into its log that it cannot read"
    )
    func mixedVersions() throws {
        let cluster = SimulatedCluster(seed: 94, count: 3) { options in
            options.acl.isEnabled = true
            if options.name == "s2" { options.peerProtocolMax = 3 }
        }
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let refused = cluster.ask(leader, .put, "/v1/acl/bootstrap")
        #expect(refused.status == 503, "\(refused.text)")
        #expect(refused.text.contains("s2"))
    }

    @Test("A server that leaves takes itself out, whoever controls access")
    func leaving() throws {
        let guarded = try GuardedCluster(seed: 95)
        guarded.cluster.world.run(for: .seconds(3))
        guarded.cluster.stop(guarded.followers[0], isLeaving: true)
        guarded.cluster.world.run(for: .seconds(1))
        let left = try guarded.manage(.get, peers).text
        #expect(left.ranges(of: "\"ID\"").count == 2, "\(left)")
    }
}
