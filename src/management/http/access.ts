/**
 * Who may send a request (RabbitMQ page "Management Plugin", "Access and Permissions"). Whoever gets in at all has
 * one of the tags management, policymaker, monitoring, administrator; where the path names a virtual host, it must
 * be there and be one that the user may see.
 *
 * - `public`: no login
 * - `management`: any of the tags
 * - `policymaker`: policymaker or administrator
 * - `monitoring`: monitoring or administrator
 * - `administrator`
 */
export type Access = 'public' | 'management' | 'policymaker' | 'monitoring' | 'administrator';
