/** Names the directory for what `init` made and for what the control plane keeps. */
export const homeVariable = 'SALLYPORT_HOME';

export const defaultHome = './sallyport';
