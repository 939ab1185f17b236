// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletHTTP
import MartletRaft
import MartletTransport

/// Who sends a request, as far as it is known.
struct Caller {
    /// nil for what this server asks itself, or another server passes on.
    var address: SocketAddress?
    /// What its client calls itself; nil for a read, of which nobody writes that down.
    var userAgent: String?
    /// What it presents.
    var credential = Credential.anonymous
    /// The secret itself, where the answer repeats it to its owner.
    var secret: String?
    /// The server that passes its request on, if one does.
    var server: ServerID?
    /// What it may do, once that was found.
    var access: Access?
    /// Why it is listened to, where that had to be decided.
    var decision: Decision.Reason?
    /// Why it is not.
    var refusal: AccessRefusal?

    /// The name of its token, for the audit log; nil as long as it has none.
    var identity: AuditIdentity? {
        guard let access = access ?? refusal?.access, let token = access.token else { return nil }
        return AuditIdentity(
            accessorID: token.accessorID, name: token.name, policies: access.policies,
            isGlobal: token.isGlobal,
            createTime: Timestamp.rfc3339Nano(unixNanoseconds: token.createUnixNanoseconds))
    }

    /// Why it may do what it asks, or may not, for the audit log.
    var reason: String? { refusal?.auditText ?? decision.map { "\($0)" } }
}

/// What becomes of a request of which only the head has come.
enum RequestVerdict {
    /// Its body is read, and both go to ``Server/serve(_:body:respond:)``.
    case proceed(Call)
    /// Answered at once. The body is not looked at.
    case refuse(APIResponse, Caller)
}

/// Requests are decided on before their bodies are read: nobody makes this server hold or decode
/// what it is not going to do.
extension Server {
    /// Calls `decided` once, in this call or later.
    func admit(
        _ head: RequestHead, from caller: Caller, decided: @escaping (RequestVerdict) -> Void
    ) {
        counters.requests += 1
        let decided = environment.tracer == nil ? decided : tracing(head, decided)
        switch verdict(on: APIRequest(head), head, caller) {
        case .proceed(let call) where options.acl.isEnabled:
            authorize(call) { outcome in
                switch outcome {
                case .known(let known): decided(.proceed(known))
                case .denied(let denial):
                    var refused = call.caller
                    refused.refusal = denial.refusal
                    decided(.refuse(denial.response, refused))
                }
            }
        case let verdict: decided(verdict)
        }
    }

    /// Traces a write once it is let in: who is refused fills no file.
    private func tracing(
        _ head: RequestHead, _ decided: @escaping (RequestVerdict) -> Void
    ) -> (RequestVerdict) -> Void {
        let carrier = TraceParent.checked(head.header("traceparent"))
        return { [weak self] verdict in
            guard let self, let tracer = self.environment.tracer,
                case .proceed(var call) = verdict, !call.isRead
            else { return decided(verdict) }
            call.trace = WriteTrace(
                call.traceName, under: carrier, by: tracer, loop: self.loop)
            call.trace?.begin(.receive)
            decided(.proceed(call))
        }
    }

    private func verdict(
        on request: APIRequest, _ head: RequestHead, _ caller: Caller
    ) -> RequestVerdict {
        switch Routes.router.match(method: request.method, path: request.path) {
        case .notFound:
            return .refuse(
                .text(404, "no such endpoint: \(request.path.prefix(256))"), caller)
        case .methodNotAllowed(let allow):
            var response = APIResponse.text(405, "Invalid method")
            response.allow = allow
            return .refuse(response, caller)
        case .found(let endpoint, let parameters):
            do throws(APIError) {
                var call = try self.call(request, endpoint, parameters, of: caller)
                if case .page = endpoint {
                    call.wish = .page(had: head.header("if-none-match"))
                }
                if endpoint.requirement == .nodeSecret {
                    call.caller.credential = try Credential(
                        nodeSecretIn: head, crypto: environment.crypto)
                } else if options.acl.isEnabled {
                    try identify(&call, head)
                }
                return .proceed(call)
            } catch {
                if error.status == 403 { counters.accessRefused += 1 }
                return .refuse(.text(error.status, error.message), caller)
            }
        }
    }

    private func identify(_ call: inout Call, _ head: RequestHead) throws(APIError) {
        let secret = Credential.secret(in: head)
        do throws(CryptoError) {
            call.caller.credential = try Credential(secret: secret, crypto: environment.crypto)
        } catch {
            throw APIError(status: 500, message: "acl token lookup failed: \(error)")
        }
        if call.endpoint == .aclOwnToken || call.endpoint == .aclToken {
            call.caller.secret = secret
        }
    }

    /// A request with its query understood, if it is one that this server can be asked.
    func call(
        _ request: APIRequest, _ endpoint: Endpoint, _ parameters: [Substring], of caller: Caller
    ) throws(APIError) -> Call {
        let call = try Call(
            request, endpoint, parameters, of: caller, limits: options.httpLimits,
            default: options.leaderHold)
        if let region = call.query.first("region"), !region.isEmpty, region != options.region {
            throw APIError(status: 500, message: "No path to region")
        }
        if endpoint.isAboutACL, !options.acl.isEnabled {
            throw APIError(status: 400, message: "ACL support disabled")
        }
        return call
    }
}
