/** Names the directory for all that an edge keeps. */
export const homeVariable = 'SALLYPORT_HOME';

export const defaultHome = './sallyport-edge';
