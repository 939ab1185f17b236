// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletHTTP
import MartletRaft
import MartletTransport

/// Where requests meet the audit log: what changes something is told before it begins and after it
/// has ended, by the server that the client asked; what is refused is told at once.
extension Server {
    static func makeAuditLog(
        _ options: ServerOptions, _ environment: ServerEnvironment, _ logger: Logger
    ) -> AuditLog? {
        guard let audit = options.audit else { return nil }
        guard let files = environment.files else {
            preconditionFailure("an audit log without a file system")
        }
        return AuditLog(
            audit, node: options.name, files: files, crypto: environment.crypto,
            loop: environment.loop, logger: logger)
    }

    /// Carries out a change between its two lines.
    func audited(
        _ call: Call, in audit: AuditLog, respond: @escaping (APIResponse) -> Void,
        carryOut: @escaping (_ respond: @escaping (APIResponse) -> Void) -> Void
    ) {
        guard let record = auditRecord(of: call.request, call.caller) else {
            return respond(.text(500, "no id could be made for the audit log: nothing was done"))
        }
        audit.received(record) { error in
            if let error {
                var response = APIResponse.text(
                    500, "the audit log cannot be written, nothing was done: \(error)")
                response.retryAfter = 1
                return respond(response)
            }
            carryOut { response in
                audit.completed(record, AuditRecord.Outcome(response))
                respond(response)
            }
        }
    }

    /// A refusal before the body was read. Strangers make most of them, so only that matters which
    /// was denied, or would have changed something.
    func auditRefusal(_ response: APIResponse, of head: RequestHead, _ caller: Caller) {
        guard let audit, isAudited(response.status, head) else { return }
        var caller = caller
        caller.userAgent = head.header("user-agent")
        audit.refused(
            { auditRecord(of: APIRequest(head), caller) }, AuditRecord.Outcome(response))
    }

    private func isAudited(_ status: Int, _ head: RequestHead) -> Bool {
        if status == 401 || status == 403 { return true }
        guard status != 429,
            case .found(let endpoint, _) = Routes.router.match(
                method: head.method, path: head.path)
        else { return false }
        return !endpoint.isRead
    }

    private func auditRecord(of request: APIRequest, _ caller: Caller) -> AuditRecord? {
        do throws(CryptoError) {
            return AuditRecord(
                request, of: caller, id: try ServerID.make(from: environment.crypto),
                node: network.own.httpAddress)
        } catch {
            logger.error("no id for the audit log", metadata: ["error": "\(error)"])
            return nil
        }
    }
}
