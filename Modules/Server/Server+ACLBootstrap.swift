// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletState
import MartletTransport

// The first management token, and the way back in for who has lost every one: a file on the leader's
// disk that holds the reset index which a refused bootstrap tells. Who can write there owns the server.

extension Server {
    func bootstrap(
        _ request: ACLBootstrapRequest, _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) {
        guard replica.state.bootstrapIndex > 0 else {
            return bootstrap(request, reset: nil, call, done)
        }
        guard let path = options.acl.bootstrapResetPath, let files = environment.files else {
            return bootstrap(request, reset: nil, call, done)
        }
        snapshotLane.attempt({ () throws(FileError) in
            try files.read(path, limitBytes: 64)
        }) { [weak self] (result: Result<[UInt8], FileError>) in
            guard let self else { return done(.notLeader) }
            switch result {
            case .success(let bytes): self.reset(with: bytes, at: path, request, call, done)
            case .failure(.notFound): self.bootstrap(request, reset: nil, call, done)
            case .failure(let error):
                self.logger.warning(
                    "the file that resets the ACL bootstrap cannot be read",
                    metadata: ["error": "\(error)"])
                self.bootstrap(request, reset: nil, call, done)
            }
        }
    }

    private func reset(
        with bytes: [UInt8], at path: String, _ request: ACLBootstrapRequest, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) {
        let blanks: Set<UInt8> = [0x20, 0x09, 0x0a, 0x0d]
        let text = String(
            decoding: bytes.drop { blanks.contains($0) }.prefix { !blanks.contains($0) },
            as: UTF8.self)
        guard let index = UInt64(text) else {
            logger.warning(
                "the file that resets the ACL bootstrap holds no number",
                metadata: ["file": "\(path)"])
            return bootstrap(request, reset: nil, call, done)
        }
        bootstrap(request, reset: index, call, done)
    }

    private func bootstrap(
        _ request: ACLBootstrapRequest, reset: UInt64?, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) {
        let token: ACLToken
        let secret: String
        do throws(APIError) {
            if let given = request.secretID { secret = given } else { secret = try freshID() }
            var made = ACLToken(
                accessorID: try freshID(), digest: try tokenDigest(secret),
                name: "Bootstrap Token", kind: .management, isGlobal: true,
                createUnixNanoseconds: loop.wallClockNanoseconds)
            made.hash = try digest(made.hashInput)
            token = made
        } catch {
            return done(.answered(.text(error.status, error.message)))
        }
        let command = ACLCommand.bootstrap(
            token, reset: reset, revokesManagement: options.acl.resetRevokes)
        propose(self.command(command), done) { server, result, index in
            if let refusal = result.aclAnswer { return refusal }
            server.logger.warning(
                reset == nil ? "ACLs were bootstrapped" : "the ACL bootstrap was reset",
                metadata: ["accessor": "\(token.accessorID)"])
            let stored = server.replica.state.token(accessor: token.accessorID) ?? token
            var response = server.encode(
                ACLTokenResponse(stored, secretID: secret, roles: []), call)
            response.writeIndex = index
            return response
        }
    }
}
