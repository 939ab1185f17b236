// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletHCL
import MartletServer
import MartletTLS

extension FuzzTarget {
    static let access = [
        hcl, policy, glob, tokenBody, policyBody, roleBody, bootstrapBody, timestamp, auditLines,
    ]

    private static let hclWords = words(
        "{", "}", "[", "]", "=", ",", "\"", "\\\"", "\\u00e9", "\\x41", "\\101", "#", "//", "/*",
        "*/",
        "<<EOF\n", "<<-EOF\n", "\nEOF\n", "true", "false", "null", "0x1F", "1e9", "-1.5", "${", "}",
        "server {", "acl = ", "\n", " ", "é", "\t", ":", "\"a\" \"b\"")

    /// What is read is printed, and what is printed is read as the same.
    private static let hcl = FuzzTarget(
        "hcl", "agent files and policies, in HCL or JSON", words: hclWords
    ) { input throws(Finding) in
        let limits = HCLLimits(depthMax: 16, bytesMax: 1 << 16, itemsMax: 1024)
        let body: HCLBody
        do throws(HCLError) {
            body = try HCL.parse(input, limits: limits)
        } catch {
            try demand(error.position.line >= 1 && error.position.column >= 1, "a fault nowhere")
            try demand(error.position.line <= input.count + 1, "a fault behind the end")
            try demand(error.message.utf8.count <= 10 * input.count + 512, "a long message")
            return Features.text(error.message)
        }
        let printed = HCL.print(body)
        let again = try must("what was printed") {
            try HCL.parse(Array(printed.utf8), limits: HCLLimits(depthMax: 32, bytesMax: 1 << 24))
        }
        try demand(again == body, "what was printed is something else: \(printed)")
        return Features.bits(1, UInt8(min(body.items.count, 9)), size: printed.utf8.count)
    }

    private static let policyWords =
        hclWords
        + words(
            "operator { policy = \"read\" }", "agent", "node", "quota", "plugin",
            "policy = \"write\"",
            "policy = \"deny\"", "policy = \"list\"", "namespace \"*\" {", "capabilities = [",
            "\"read-job\"", "\"deny\"", "\"raft-remove\"", "\"snapshot-save\"",
            "variables { path \"a/*\" {",
            "host_volume \"prod-*\"", "node_pool", "}\n")

    private static let operations: [MartletACL.Operation] = [
        .raftRead, .raftRemove, .leaderTransfer, .autopilotRead, .autopilotWrite, .schedulerRead,
        .schedulerWrite, .snapshotSave, .snapshotRestore, .keyring, .agentRead, .agentWrite,
        .nodeRead, .nodeWrite, .quotaRead, .aclManage, .namespace("default", .readJob),
        .namespace("prod-a", .submitJob), .variables(namespace: "default", path: "a/b", .write),
        .hostVolume("prod-1", .mountReadOnly), .nodePool("all", .read),
    ]

    /// Policies are texts with a zero between them. What they come to does not depend on their order,
    /// nor on one that is named twice; and none but a management token manages tokens.
    private static let policy = FuzzTarget(
        "policy", "the rules of policies, and what follows from them", words: policyWords + [[0]]
    ) { input throws(Finding) in
        var policies: [PolicyRules] = []
        var refusal: UInt64 = 0
        for (number, text) in input.split(separator: 0).prefix(3).enumerated() {
            guard let text = String(validating: text, as: UTF8.self) else { continue }
            let read = attempt(&refusal) { try PolicyRules(policy: "p\(number)", rules: text) }
            if let read { policies.append(read) }
        }
        let rules = AccessRules(merging: policies)
        let others = AccessRules(merging: policies.reversed() + policies)
        var features = FNV()
        features.mix(refusal)
        for operation in operations {
            let decision = rules.decide(operation)
            try demand(
                others.decide(operation) == decision,
                "\(operation): \(decision), in another order \(others.decide(operation))")
            try demand(!decision.isAllowed || operation != .aclManage, "a policy manages tokens")
            features.mix(decision.isAllowed ? 1 : 0)
        }
        return features.value
    }

    /// A name and a glob, with a zero between them: what a rule of that glob says of the name is what
    /// trying all ways says.
    private static let glob = FuzzTarget(
        "policy-glob", "globs of policies, against trying everything", bytesMax: 48,
        words: words("*", "a", "ab", "aab", "**", "*a*", "-", "prod-*") + [[0]]
    ) { input throws(Finding) in
        let parts = input.split(separator: 0, maxSplits: 1)
        let isPlain = { (bytes: ArraySlice<UInt8>) in
            bytes.allSatisfy { (0x2A...0x7A).contains($0) && $0 != UInt8(ascii: "\\") }
        }
        guard parts.count == 2, parts.allSatisfy(isPlain) else { return 0 }
        let (name, pattern) = (parts[0], parts[1])
        let text = String(decoding: pattern, as: UTF8.self)
        var refusal: UInt64 = 0
        let read = attempt(&refusal) {
            try PolicyRules(policy: "p", rules: "namespace \"\(text)\" { policy = \"read\" }")
        }
        guard let read else { return refusal }
        let decision = AccessRules(merging: [read]).decide(
            .namespace(String(decoding: name, as: UTF8.self), .readJob))
        let expected = matches(pattern, name)
        try demand(decision.isAllowed == expected, "\(text): \(decision.isAllowed)")
        return Features.bits(expected ? 1 : 0, UInt8(pattern.count), size: name.count)
    }

    /// The rows of the table of all beginnings: no recursion, no cleverness.
    private static func matches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        var row = [true] + [Bool](repeating: false, count: name.count)
        for byte in pattern {
            var next = [Bool](repeating: false, count: name.count + 1)
            if byte == UInt8(ascii: "*") {
                var isReached = false
                for place in 0...name.count {
                    isReached = isReached || row[place]
                    next[place] = isReached
                }
            } else {
                for (place, other) in name.enumerated() where other == byte {
                    next[place + 1] = row[place]
                }
            }
            row = next
        }
        return row[name.count]
    }

    private static let aclWords = words(
        "{", "}", "[", "]", ":", ",", "\"Name\"", "\"AccessorID\"", "\"Type\"", "\"client\"",
        "\"management\"",
        "\"Policies\"", "\"Roles\"", "\"Global\"", "true", "null", "\"ExpirationTTL\"", "\"8h\"",
        "\"ExpirationTime\"", "\"2030-01-02T03:04:05.678Z\"", "\"ID\"", "\"Rules\"",
        "\"Description\"",
        "\"BootstrapSecret\"", "\"6f2e9f1c-6c8e-4a35-8a5e-0c5d5f1f1a10\"", "\"JobACL\"", "0",
        "\\u0000")

    private static let tokenBody = body("api-token", "the body of a token") {
        _ = try ACLTokenRequest.parse(body: $0)
    }
    private static let policyBody = body("api-policy", "the body of a policy") {
        _ = try ACLPolicyRequest.parse(body: $0)
    }
    private static let roleBody = body("api-role", "the body of a role") {
        _ = try ACLRoleRequest.parse(body: $0)
    }
    private static let bootstrapBody = body("api-bootstrap", "the body of a bootstrap") {
        _ = try ACLBootstrapRequest.parse(body: $0)
    }

    /// A body that is not taken is a client's error, told in a text of its measure.
    private static func body(
        _ name: String, _ about: String, _ parse: @escaping @Sendable ([UInt8]) throws -> Void
    ) -> FuzzTarget {
        FuzzTarget(name, about, bytesMax: 2048, words: aclWords) { input throws(Finding) in
            do {
                try parse(input)
            } catch let error as APIError {
                try demand((400...499).contains(error.status), "refused with \(error.status)")
                try demand(
                    error.message.utf8.count <= 10 * input.count + 512, "a long refusal")
                return Features.text(error.message)
            } catch {
                throw Finding("\(error)")
            }
            return Features.bits(1, size: input.count)
        }
    }

    private static let timestamp = FuzzTarget(
        "timestamp", "an instant as RFC 3339 writes it", bytesMax: 64,
        words: words(
            "2024-02-29", "T", "Z", "+14:00", "-00:01", "23:59:60", ".123456789", "1678-01-01",
            "2262",
            "0001-01-01T00:00:00Z", ":", "-", "9")
    ) { input throws(Finding) in
        guard let text = String(validating: input, as: UTF8.self),
            let first = Timestamp.unixNanoseconds(rfc3339: text)
        else { return 0 }
        let written = Timestamp.rfc3339Nano(unixNanoseconds: first)
        try demand(
            Timestamp.unixNanoseconds(rfc3339: written) == first,
            "\(first) is written as \(written)")
        return Features.bits(1, first < 0 ? 1 : 0, size: text.utf8.count)
    }

    private static let auditLines = FuzzTarget(
        "audit-lines", "an audit log that somebody had their hands on", bytesMax: 4096,
        words: words(
            "\n", "{", "}", "\"chain\":\"", "\"sequence\":", "\"", ":", ",", "0", "1", "null")
    ) { input throws(Finding) in
        var verifier = AuditVerifier(crypto: OpenSSLCrypto())
        try must("a verdict") { try verifier.check(input, of: "audit.log") }
        try demand(verifier.findings.count <= AuditVerifier.findingsMax, "findings without end")
        try demand(verifier.linesChecked <= input.count, "more lines than bytes")
        return Features.text(verifier.findings.first?.text ?? "")
            ^ Features.bits(verifier.isIntact ? 1 : 0, size: verifier.linesChecked)
    }
}
