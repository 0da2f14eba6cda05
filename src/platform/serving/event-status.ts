/** A status of an endpoint as EventBridge writes it: `InService` is `IN_SERVICE` there, unlike in the API. */
export const eventStatus = (status: string): string => status.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
