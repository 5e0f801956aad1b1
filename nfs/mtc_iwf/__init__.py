"""The MTC-IWF: takes device triggers from SCSs, asks the HSS, hands them to the SMS-SC, brings the reports back."""
