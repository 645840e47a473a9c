import { AuthenticationFailure } from '../authentication-failure.ts';
import { type CertificateLogin, certificateName } from '../certificate-name.ts';
import type { Mechanism } from './mechanism.ts';

/**
 * EXTERNAL (RFC 4422, appendix A): TLS has proved who it is, and the certificate says so (RabbitMQ plugin
 * `rabbitmq_auth_mechanism_ssl`). A password is not asked for.
 */
export function external(login: CertificateLogin = {}): Mechanism {
  return {
    name: 'EXTERNAL',

    /** Without a certificate, too: to be refused tells the client more than a mechanism that is missing. */
    isOffered: (tls) => tls !== undefined,

    credentials(_response, tls) {
      if (tls === undefined) throw new AuthenticationFailure('not a TLS-enabled connection');
      if (tls.certificate === undefined) {
        throw new AuthenticationFailure('connection peer presented no TLS (x.509) certificate');
      }
      const username = certificateName(tls.certificate, login);
      if (username === undefined) throw new AuthenticationFailure('no name found');
      return { username };
    },
  };
}
