// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHTTP
import MartletTransport

/// Who sends a request, as far as it is known.
struct Caller {
    /// nil for what this server asks itself, or another server passes on.
    var address: SocketAddress?
    /// What its client calls itself; nil for a read, of which nobody writes that down.
    var userAgent: String?
    /// The name of its token, for the audit log; nil as long as it has none.
    var identity: AuditIdentity?
    /// Why it may do what it asks, or may not, for the audit log.
    var reason: String?
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
        decided(verdict(on: APIRequest(head), caller))
    }

    /// A request that comes from no connection: decided on, and served.
    func serve(_ request: APIRequest, respond: @escaping (APIResponse) -> Void) {
        switch verdict(on: request, Caller()) {
        case .proceed(let call): serve(call, body: request.body, respond: respond)
        case .refuse(let response, _): respond(response)
        }
    }

    private func verdict(on request: APIRequest, _ caller: Caller) -> RequestVerdict {
        switch Routes.router.match(method: request.method, path: request.path) {
        case .notFound:
            return .refuse(
                .text(404, "no such endpoint: \(request.path.prefix(256))"), caller)
        case .methodNotAllowed(let allow):
            var response = APIResponse.text(405, "Invalid method")
            response.allow = allow
            return .refuse(response, caller)
        case .found(let endpoint, _):
            do throws(APIError) {
                let call = try Call(
                    request, endpoint, of: caller, limits: options.httpLimits,
                    default: options.leaderHold)
                try checkRegion(of: call)
                return .proceed(call)
            } catch {
                return .refuse(.text(error.status, error.message), caller)
            }
        }
    }

    func checkRegion(of call: Call) throws(APIError) {
        if let region = call.query.first("region"), !region.isEmpty, region != options.region {
            throw APIError(status: 500, message: "No path to region")
        }
    }
}
