/** As in RabbitMQ: a JSON object a line, or lines for people. */
export const logFormatters = ['json', 'plaintext'] as const;
export type LogFormatter = (typeof logFormatters)[number];
